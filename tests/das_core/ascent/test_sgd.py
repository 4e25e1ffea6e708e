"""SGD against torch's own on explicit levels."""

import torch

from cases import each_case
from das_core.ascent.sgd import SGD
from flat_stack import gradients, naive, run


@each_case("momentum", [0.0, 0.9])
def test_sgd_is_torchs_sgd(momentum: float) -> None:
    expected, levels = naive(lambda p: torch.optim.SGD(p, lr=0.01, momentum=momentum), gradients())
    state = run(SGD(0.01, momentum), gradients(), "layers")
    torch.testing.assert_close(state.canvas, expected, rtol=1e-4, atol=1e-5)
    assert state.parameters is not None
    for part, reference in zip(state.parameters.tensors, levels, strict=True):
        torch.testing.assert_close(part, reference, rtol=1e-4, atol=1e-5)
