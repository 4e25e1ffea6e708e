"""The first start of the pack under bad conditions: nothing is damaged, and a message says what has happened.

Several processes start at once, the disk is full or cannot be written to, or the clock goes back.
"""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from loaded_pack import Pack
from outcomes import Outcomes
from processes import list_names, start
from repository import REPOSITORY

SHIPPED = "direct_ascent_lakeside.safetensors [example]"
"""The stack that comes with the pack, which Load Stack lists last."""

pytestmark = [pytest.mark.hostile, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

PROCESSES = 4
ROUNDS = 2
"""How often the processes start at once in the short form; the long form starts them 100 times as often."""

SHAPE = torch.Size([16, 8])
MATRIX = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))

FULL = 4096
"""The size in bytes that no file can exceed while a full disk is simulated."""


def test_processes_that_start_at_once_with_an_empty_cache(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    kept = pack.module("das_core.models.sources.kept_projection")
    examples = pack.module("nodes.bridge.example_files")
    for number in range(ROUNDS * scale):
        home = pack.home / "first" / str(number)
        path = kept.place_projection(home / "hub", "tower")
        gate, opener = os.pipe()

        def begin(gate: int = gate, opener: int = opener, home: Path = home, path: Path = path) -> None:
            # All processes go on at once, when the parent has closed the last writable end of the pipe.
            os.close(opener)
            os.read(gate, 1)
            examples.find_server = object
            examples.folder_paths.get_input_directory = lambda: str(home / "input")
            examples.copy_example_files()
            found = kept.read_projection(path, "key", SHAPE)
            if found is None:
                kept.write_projection(path, "key", MATRIX)
                found = kept.read_projection(path, "key", SHAPE)
            assert found is not None
            assert torch.equal(found, MATRIX)

        children = [start(begin) for _ in range(PROCESSES)]
        os.close(opener)
        os.close(gate)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
        assert torch.equal(kept.read_projection(path, "key", SHAPE), MATRIX)
        sources = [source for source in examples.EXAMPLES.iterdir() if source.is_file()]
        assert sources
        for source in sources:
            assert (home / "input" / source.relative_to(examples.EXAMPLES)).read_bytes() == source.read_bytes()
        assert not list(home.rglob(".*.part"))
        outcomes.counts["whole"] += PROCESSES


def test_a_disk_that_is_full_damages_nothing_and_is_named(pack: Pack) -> None:
    import resource

    bridge, kept = pack.module("nodes.bridge"), pack.module("das_core.models.sources.kept_projection")
    stack, said = pack.stack(), pack.home / "said"
    first = bridge.save_new_stack(stack, "castle")
    path = pack.home / "first" / "full" / "tower.safetensors"
    path.parent.mkdir(parents=True)

    def save() -> None:
        messages: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger(kept.__name__).addHandler(handler)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, most))
        try:
            bridge.save_new_stack(stack, "castle")
        except ValueError as error:
            messages.append(str(error))
        kept.write_projection(path, "key", torch.ones(64, 64))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        said.write_text("\n".join(messages))

    assert os.waitpid(start(save), 0)[1] == 0
    of_stack, of_projection = said.read_text().splitlines()
    assert "the stack 'castle' cannot be saved in" in of_stack
    assert "could not be kept" in of_projection
    assert not list(path.parent.iterdir())
    assert [f"{name} [output]" for name in list_names(pack.output / "stacks")] == [first]
    assert not list((pack.output / "stacks").glob(".*.part"))
    assert torch.equal(pack.run("DAS_LoadStack", file=first)[0].canvas, stack.canvas)


START = """
import logging, sys
logging.basicConfig(stream=sys.stderr, format="%(message)s")
import torch
from das_core.models.sources.kept_projection import place_projection, read_projection, write_projection
from das_core.report.chart import plot_bars
path = place_projection("auto", "tower")
assert read_projection(path, "key", torch.Size([2, 2])) is None
write_projection(path, "key", torch.ones(2, 2))
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
    bridge = pack.module("nodes.bridge")
    old, new = pack.stack(seed=1), pack.stack(seed=2, start={"start": "noise"})
    names, times = [], []
    for moment, stack in ((time.time(), old), (86400.0, new), (-86400.0, old)):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        names.append(bridge.save_new_stack(stack, "castle"))
        os.utime(pack.output / "stacks" / names[-1].removesuffix(" [output]"), (moment, moment))
        times.append(bridge.read_stack_time(names[-1]))
    assert len(set(names)) == len(set(times)) == 3
    assert bridge.list_stack_files() == [*names, SHIPPED]
    for name, stack in zip(names, (old, new, old), strict=True):
        assert torch.equal(pack.run("DAS_LoadStack", file=name)[0].canvas, stack.canvas)
