"""The report on stacks: its ascents can be continued without a difference."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("skimage")
pytest.importorskip("sklearn")

from benchmarks.stacks import OPTIMIZERS, climb_stack
from cases import each_case
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec


@each_case("name", OPTIMIZERS)
def test_two_steps_are_one_saved_and_loaded_and_one_more(name: str, tmp_path: Path) -> None:
    start = ImageStack.noise(StackSpec(32, 32, 16))
    save_stack(climb_stack(start, OPTIMIZERS[name], 1), tmp_path / "half.safetensors")
    rest = climb_stack(load_stack(tmp_path / "half.safetensors"), OPTIMIZERS[name], 1)
    through = climb_stack(start, OPTIMIZERS[name], 2)
    assert not torch.equal(through.canvas, start.canvas)
    assert torch.equal(rest.canvas, through.canvas)
