"""Processes that are killed while they save: nothing is damaged or lost."""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from loaded_pack import Pack
from outcomes import Outcomes

pytestmark = [pytest.mark.hostile, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

KILLS = 5  # How many processes are killed


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
