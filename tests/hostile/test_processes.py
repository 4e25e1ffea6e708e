"""Processes under bad conditions: nothing is damaged or lost, and a message says what has happened.

They start at once, are killed while they save, cannot write to their home, or their clock goes back.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from loaded_pack import Pack
from outcomes import Outcomes
from repository import REPOSITORY

pytestmark = [pytest.mark.hostile, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

PROCESSES = 4
ROUNDS = 2  # How often the processes start at once
KILLS = 5  # How many processes are killed
SHAPES = {"a": torch.Size([16, 8])}
MATRIX = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))


def start(work: Callable[[], Any]) -> int:
    """Run `work` in a fork of this process, and return the id of the fork."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def test_processes_that_start_at_once_with_an_empty_cache(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    kept = pack.module("das_core.models.sources.kept_tensors")
    for number in range(ROUNDS * scale):
        path = kept.place_projection(pack.home / "first" / str(number), "tower")
        gate, opener = os.pipe()

        def begin(gate: int = gate, opener: int = opener, path: Path = path) -> None:
            # All processes go on at once, when the parent has closed the last writable end of the pipe.
            os.close(opener)
            os.read(gate, 1)
            found = kept.read_tensors(path, "key", SHAPES)
            if found is None:
                kept.write_tensors(path, "key", {"a": MATRIX})
                found = kept.read_tensors(path, "key", SHAPES)
            assert torch.equal(found["a"], MATRIX)

        children = [start(begin) for _ in range(PROCESSES)]
        os.close(opener)
        os.close(gate)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
        assert torch.equal(kept.read_tensors(path, "key", SHAPES)["a"], MATRIX)
        assert not list(path.parent.rglob(".*.part"))
        outcomes.counts["whole"] += PROCESSES


START = """
import logging, sys
logging.basicConfig(stream=sys.stderr, format="%(message)s")
import torch
from das_core.models.sources.kept_tensors import place_projection, read_tensors, write_tensors
from das_core.report.chart import plot_bars
path = place_projection(None, "tower")
assert read_tensors(path, "key", {"a": torch.Size([2, 2])}) is None
write_tensors(path, "key", {"a": torch.ones(2, 2)})
print(tuple(plot_bars([("shark", 0.1)], "charts need a cache, too").shape))
"""


def test_a_home_that_cannot_be_written_to_only_costs_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    # The home is a file, so nobody can make a folder in it. Permissions of a folder would not stop root.
    home.write_text("")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL", "TORCH_"))}
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=REPOSITORY, env={**kept, "HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(1, 3, ")
    assert "could not be kept (" in done.stderr
    assert "it will be made anew next time" in done.stderr


def test_a_clock_that_goes_back_loses_no_stack(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge, names = pack.module("nodes.bridge"), []
    stacks = [pack.stack(seed=1), pack.stack(seed=2, start={"start": "noise"})]
    for moment, stack in zip((time.time(), -86400.0), stacks, strict=True):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        names.append(bridge.save_new_stack(stack, "castle"))
        os.utime(pack.output / "stacks" / names[-1].removesuffix(" [output]"), (moment, moment))
    assert bridge.list_stack_files()[:2] == names
    for name, stack in zip(names, stacks, strict=True):
        assert torch.equal(pack.run("DAS_LoadStack", file=name)[0].canvas, stack.canvas)


def test_processes_that_are_killed_while_they_save_damage_nothing(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    generator, folder = random.Random(0), pack.output / "stacks"
    bridge, stack = pack.module("nodes.bridge"), pack.stack()
    kept = bridge.save_new_stack(stack, "kept")
    before = (folder / kept.removesuffix(" [output]")).read_bytes()

    def save() -> None:
        while True:
            bridge.save_new_stack(stack, "killed")

    for _ in range(KILLS * scale):
        child = start(save)
        time.sleep(generator.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        outcomes.counts["killed"] += 1
        for path in sorted(folder.glob("killed*.safetensors")):
            assert pack.run("DAS_LoadStack", file=f"{path.name} [output]")[0].steps == 0
            outcomes.counts["whole"] += 1
            path.unlink()
    assert (folder / kept.removesuffix(" [output]")).read_bytes() == before
    # Load Stack does not list the incomplete files that kills have left, and the next save is not disturbed by them.
    assert pack.node("DAS_LoadStack").GET_SCHEMA().inputs[0].options[:-1] == [kept]
    assert bridge.save_new_stack(stack, "killed").startswith("killed")


def test_an_atlas_that_is_killed_goes_on_and_its_folder_is_for_one_process(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from small_atlas import list_rows, make_atlas

    given: dict[str, Any] = {"layers": "[13]", "units": 16, "steps": 20}
    code = f"import sys; sys.path[:0] = {[str(REPOSITORY), str(REPOSITORY / 'tests' / 'support')]}\n"
    code += f"from small_atlas import *; make_atlas(Path({str(tmp_path)!r}), **{given})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not (before := list_rows(tmp_path)):
            assert process.poll() is None
            time.sleep(0.01)
        with pytest.raises(ValueError, match=r"another run is at work in .*; wait for it, or end it"):
            make_atlas(tmp_path)
        process.kill()
    assert len(list_rows(tmp_path)) < 4
    assert len(make_atlas(tmp_path, **given)) == 32
    assert len(after := list_rows(tmp_path)) == 4
    assert before.items() <= after.items()
