"""Processes that save into one folder, and processes that are killed while they save: nothing is damaged or lost."""

import os
import random
import signal
import time

import pytest

from loaded_pack import Pack
from outcomes import Outcomes
from processes import list_names, start

SHIPPED = "direct_ascent_lakeside.safetensors [example]"
"""The stack that comes with the pack, which Load Stack lists last."""

pytestmark = [pytest.mark.hostile, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

SAVERS = 4
SAVES, KILLS = 8, 5
"""How many files each process saves, and how many processes are killed, in the short form. In the long form both
numbers are 100 times as large."""


def test_processes_that_save_into_one_folder_lose_nothing(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    bridge, stack = pack.module("nodes.bridge"), pack.stack(levels={"levels": "custom", "resolutions": "1, 8"})
    told = pack.home / "told"
    told.mkdir(exist_ok=True)
    gate, opener = os.pipe()

    def save() -> None:
        # All processes begin at once, when the parent has closed the last writable end of the pipe.
        os.close(opener)
        os.read(gate, 1)
        names = [bridge.save_new_stack(stack, "race") for _ in range(SAVES * scale)]
        (told / f"{os.getpid()}").write_text("\n".join(names))

    children = [start(save) for _ in range(SAVERS)]
    os.close(opener)
    os.close(gate)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * SAVERS
    names = [name for child in children for name in (told / f"{child}").read_text().splitlines()]
    assert len(set(names)) == len(names) == SAVERS * SAVES * scale
    assert len(list_names(pack.output / "stacks")) == len(names)
    for name in random.Random(0).sample(names, min(len(names), 20)):
        assert pack.run("DAS_LoadStack", file=name)[0].steps == 0
    assert not list((pack.output / "stacks").glob(".*.part"))
    outcomes.counts["done"] += len(names)


def test_processes_that_are_killed_while_they_save_damage_nothing(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    generator = random.Random(0)
    bridge, stack = pack.module("nodes.bridge"), pack.stack()
    kept = bridge.save_new_stack(stack, "kept")
    before = (pack.output / "stacks" / kept.removesuffix(" [output]")).read_bytes()

    def save() -> None:
        while True:
            bridge.save_new_stack(stack, "killed")

    for _ in range(KILLS * scale):
        child = start(save)
        time.sleep(generator.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        outcomes.counts["killed"] += 1
        for name in list_names(pack.output / "stacks"):
            if name.startswith("killed"):
                assert pack.run("DAS_LoadStack", file=f"{name} [output]")[0].steps == 0
                outcomes.counts["whole"] += 1
                (pack.output / "stacks" / name).unlink()
    assert (pack.output / "stacks" / kept.removesuffix(" [output]")).read_bytes() == before
    # Load Stack does not list the incomplete files that kills have left, and the next save is not disturbed by them.
    assert pack.node("DAS_LoadStack").GET_SCHEMA().inputs[0].options == [kept, SHIPPED]
    assert bridge.save_new_stack(stack, "killed").startswith("killed")
