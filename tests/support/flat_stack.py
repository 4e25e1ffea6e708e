"""A small stack without a margin, random gradients for it, and the same steps with the optimizers of PyTorch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from das_core.ascent.optimizers import Optimizer
from das_core.ascent.pace import Pace
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec

CPU = torch.device("cpu")
CANVAS, LEVELS = (24, 24), (1, 3, 10, 24)
FULL = Pace(1.0, 1.0)


def flat(method: str) -> ImageStack:
    spec = StackSpec(CANVAS[1], CANVAS[0], 0, LEVELS, method=method)  # type: ignore[arg-type]
    return ImageStack.gray(spec)


def run(optimizer: Optimizer, gradients: list[Tensor], method: str) -> ImageStack:
    stack = flat(method)
    for gradient in gradients:
        stack = optimizer.step(stack, gradient, stack.spec.operator(CPU), FULL)
    return stack


def gradients(count: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, 3, *CANVAS, generator=generator) for _ in range(count)]


def naive(maker: object, steps: list[Tensor]) -> Tensor:
    """Return the canvas after an optimizer of PyTorch has followed gradients at the canvas."""
    levels = [torch.zeros(1, 3, r, r, requires_grad=True) for r in LEVELS]
    optimizer = maker(levels)  # type: ignore[operator]

    def canvas() -> Tensor:
        return torch.stack([F.interpolate(p, size=CANVAS, mode="bicubic") for p in levels]).sum(dim=0)

    for gradient in steps:
        optimizer.zero_grad()
        (-canvas() * gradient).sum().backward()
        optimizer.step()
    return canvas().detach()
