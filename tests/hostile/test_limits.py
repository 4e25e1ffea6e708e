"""Widgets at the largest values that their schemas allow, with little free memory: a node refuses, or stays within it.

The nodes, their inputs and the limits come from the schemas. Every run has a process of its own.
"""

import sys
from typing import Any

import pytest
import torch

from loaded_pack import Pack
from random_nodes import NodeMaker
from runner.input_specs import Input

if sys.platform != "linux":
    pytest.skip("reads the memory of processes from /proc", allow_module_level=True)

from press_clock import measure

pytestmark = pytest.mark.hostile

ATTACKS = 6  # How many runs are tried
FREE = 2**29  # How many bytes of free memory the memory checks of the pack see
# How many bytes a run may hold beyond `FREE`: allocators of the system keep pages that are free again, and the memory
# checks count large tensors only.
SLACK = 2**28
PATIENCE = 1.0  # After how many CPU seconds Cancel is pressed
PUSHED = 0.2  # The probability that the value of a number is the largest that its schema allows
NEVER = ("seed", "strength", "step_size")
"""Inputs that stay below their limits: they decide neither time nor memory, and at their limits most runs end early."""


class LimitMaker(NodeMaker):
    """Makes random inputs, some of them at their limits, for a node and for the nodes whose outputs it takes."""

    def make_value(self, item: Input, depth: int = 0) -> Any:
        value = super().make_value(item, depth)
        number = isinstance(value, int | float) and not isinstance(value, bool) and item.own_name not in NEVER
        if number and "max" in item.settings and self.random.random() < PUSHED:
            return item.settings["max"]
        return value


def test_no_widget_takes_more_memory_than_there_is(pack: Pack, scale: int, request: pytest.FixtureRequest) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    faults = []
    for seed in range(ATTACKS * scale):
        maker = LimitMaker(pack, seed)
        # Half of the runs end in an ascent, as most workflows of users do.
        node_id = "DAS_Optimize" if seed % 2 else maker.choose_node()
        found = measure(lambda: maker.run(node_id, maker.make_inputs(node_id)), PATIENCE, FREE)  # noqa: B023 - run at once
        end = found.end.partition(":")[0]
        line = f"{seed}: {node_id}: {found.seconds:.2f} s, {found.peak / 2**20:.0f} MiB, {found.where}"
        print(f"{line}, {found.end[:150]}")
        if end not in ("finished", "pressed", "refused") or found.peak > FREE + SLACK:
            faults.append(f"{line}, {found.end}")
    assert not faults, "\n".join(faults)
