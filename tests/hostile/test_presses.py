"""Cancel at a random moment of random runs: each ends after few operations, and the next run gives the same as before.

Time depends on the machine, so operations of PyTorch are counted instead; each handles one view, one level or one plane
of a canvas. The images are small, but there are many views, levels and images. So a loop that does not look for Cancel
does many operations after a press.
"""

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from loaded_pack import Pack
from outcomes import Outcomes
from random_nodes import SMALL, NodeMaker

pytestmark = pytest.mark.hostile

PRESSES = 12  # How many runs are cancelled
MOST_OPERATIONS = 250  # How many operations that take time may follow a press of Cancel

FREE = ("aten.empty", "aten.set_", "aten.detach")
"""Beginnings of the names of operations that take no time, however large their tensors are. Operations that only make a
view of a tensor take none either (`is_view`)."""

MANY = {"views": (8, 40), "batch_size": (1, 6), "step": (1, 2), "chunk": (0, 64), "top_k": (1, 40)}
"""Ranges of random numbers that make loops long, by the name of the widget."""

LINES = "\n".join(f"a castle on hill {number}" for number in range(60))


class Presses(TorchDispatchMode):
    """Presses Cancel before operation number `at`, from 1; 0 for never. Counts all, and as `late` those that take time
    after the press."""

    def __init__(self, at: int = 0) -> None:
        super().__init__()
        self.at, self.count, self.late = at, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        import comfy.model_management as mm

        self.count += 1
        if self.count == self.at:
            mm.interrupt_current_processing()
        self.late += self.count > self.at > 0 and not func.is_view and not str(func).startswith(FREE)
        return func(*args, **(kwargs or {}))


def choose(pack: Pack, seed: int) -> tuple[NodeMaker, str, dict[str, Any]]:
    """Return a maker, the id of a random node, and random inputs with which the maker can run it."""
    core = pack.module("das_core.stack")
    for attempt in range(50):
        maker = NodeMaker(pack, 1000 * seed + attempt)
        # Half of the runs are ascents, because these have the most places at which Cancel can end them.
        node_id = "DAS_Optimize" if seed % 2 else maker.choose_node()
        try:
            inputs = maker.make_inputs(node_id)
        except ValueError:
            continue
        if node_id == "DAS_Optimize":
            if seed % 4 == 1:
                film = core.Time(maker.random.randint(8, 40), loop=maker.random.random() < 0.5)
                inputs["stack"] = core.ImageStack.noise(core.StackSpec(48, 40, 16, time=film))
            inputs |= {"recipe": "custom", "recipe.steps": 2}
        if node_id in ("DAS_TextObjective", "DAS_Similarity"):
            inputs["text"] = LINES
        return maker, node_id, inputs
    raise AssertionError("no node can be made")


def test_cancel_at_a_random_moment_of_a_random_run(
    pack: Pack, outcomes: Outcomes, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management as mm

    monkeypatch.setattr("random_nodes.SMALL", SMALL | MANY)
    for seed in range(PRESSES * scale):
        maker, node_id, inputs = choose(pack, seed)
        counter = Presses()
        try:
            with counter:
                whole = maker.run(node_id, inputs)
        except ValueError:
            # Whether a refusal is right is tested in `test_random_graphs.py`.
            outcomes.counts["refused"] += 1
            continue
        if not counter.count:
            outcomes.counts["nothing to end"] += 1
            continue
        press = Presses(random.Random(seed).randint(1, counter.count))
        try:
            with press:
                maker.run(node_id, inputs)
        except mm.InterruptProcessingException:
            outcomes.counts["interrupted"] += 1
        else:
            # The press came after the run had looked for Cancel for the last time.
            outcomes.counts["done"] += 1
        finally:
            mm.interrupt_current_processing(False)
        assert press.late <= MOST_OPERATIONS, f"run {seed}: {node_id}, {press.late} after Cancel, of {inputs}"
        if node_id not in ("DAS_SaveStack", "DAS_LoadStack"):
            assert_same(maker.run(node_id, inputs), whole, f"run {seed} of {node_id}")
    assert outcomes.counts["interrupted"] >= PRESSES * scale / 4


def assert_same(after: tuple[Any, ...], before: tuple[Any, ...], what: str) -> None:
    """Check that a run gives the same outputs after a cancelled run with the same inputs as before it."""
    for number, pair in enumerate(zip(after, before, strict=True)):
        one, other = (getattr(value, "canvas", value) for value in pair)
        if isinstance(one, Tensor):
            assert torch.equal(one, other), f"{what}: output {number}"
        elif isinstance(one, str | int | float):
            assert one == other, f"{what}: output {number}"
