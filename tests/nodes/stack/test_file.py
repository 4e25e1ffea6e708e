"""Save Stack and Load Stack: an ascent goes on as if it had not been interrupted, and bad files are named."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from loaded_pack import Pack


def test_a_stack_is_saved_and_loaded_with_what_its_optimizer_remembers(pack: Pack, saved_stacks: Path) -> None:
    stack = pack.optimize(optimizer={"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.9})[1]
    (name,) = pack.run("DAS_SaveStack", stack=stack, filename_prefix="half")
    assert name == "half_00001_.safetensors [output]"
    (loaded,) = pack.run("DAS_LoadStack", file=name)
    assert not loaded.canvas.is_inference()
    assert torch.equal(loaded.canvas, stack.canvas)
    assert torch.equal(loaded.optimizer_state.tensors[0], stack.optimizer_state.tensors[0])


def test_the_name_of_the_file_is_shown_under_the_node(pack: Pack, saved_stacks: Path) -> None:
    output = pack.node("DAS_SaveStack").execute(stack=pack.stack(), filename_prefix="night/castle")
    assert output.ui == {"text": ["saved as night/castle_00001_.safetensors [output]"]}
    assert pack.node("DAS_SaveStack").GET_SCHEMA().is_output_node, "without it ComfyUI would not run the node"


def test_a_changed_file_is_loaded_again(pack: Pack, saved_stacks: Path) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    fingerprint = pack.node("DAS_LoadStack").fingerprint_inputs
    before = fingerprint(file=name)
    assert before == fingerprint(file=name)
    os.utime(saved_stacks / "direct_ascent_00001_.safetensors", (1, 1))
    assert before != fingerprint(file=name)
    assert fingerprint(file="gone.safetensors") == 0


def test_a_file_that_holds_no_stack_is_answered_with_the_node_that_writes_one(pack: Pack, saved_stacks: Path) -> None:
    saved_stacks.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file({"weight": torch.zeros(3)}, saved_stacks / "model.safetensors")
    message = r"^the stack file 'model\.safetensors' holds no stack; .* Save Stack writes stack files$"
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_LoadStack", file="model.safetensors [output]")


def test_too_large_a_file_is_refused(pack: Pack, saved_stacks: Path, set_free_memory: Callable[[int], None]) -> None:
    (name,) = pack.run("DAS_SaveStack", stack=pack.stack())
    # A file is read whole, and its tensors are made of what was read.
    needed = 2 * (saved_stacks / "direct_ascent_00001_.safetensors").stat().st_size
    set_free_memory(needed)
    assert pack.run("DAS_LoadStack", file=name)[0].steps == 0
    set_free_memory(needed - 1)
    with pytest.raises(ValueError, match=r"the stack file '.*' needs about .* are free: free some, or load a smaller"):
        pack.run("DAS_LoadStack", file=name)
