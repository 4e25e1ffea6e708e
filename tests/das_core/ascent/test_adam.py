"""Adam against torch's own on explicit levels."""

import torch

from das_core.ascent.adam import Adam
from flat_stack import gradients, naive, run


def test_adam_is_torchs_adam() -> None:
    expected, levels = naive(lambda p: torch.optim.Adam(p, lr=0.02), gradients())
    state = run(Adam(0.02), gradients(), "layers")
    torch.testing.assert_close(state.canvas, expected, rtol=1e-4, atol=1e-5)
    assert state.parameters is not None
    for part, reference in zip(state.parameters.tensors, levels, strict=True):
        torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)
