"""What every model looks like to an ascent: it judges views."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from .fold import fold_batch_norm

# Gradients of a view are small numbers that fp16 would round to nothing: they pass through the model this much larger.
_HALF_SCALE = 256.0


J = TypeVar("J", bound="Judge")


@dataclass(frozen=True)
class Judge:
    """A frozen model with the input it was trained on: square views of `size` pixels, `mean` and `std` per channel.

    `owner` is whatever must live as long as the judge does; ComfyUI's memory manager puts its handle there.
    """

    name: str
    module: nn.Module
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    owner: Any = field(default=None, repr=False, compare=False)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the model's weights."""
        return next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)

    def __call__(self, views: Tensor) -> Tensor:
        """What the model says of views (V, 3, size, size), 0..1: its output in float32."""
        return self.postprocess(self.module(self.preprocess(views)))

    def preprocess(self, views: Tensor) -> Tensor:
        """Views (V, 3, size, size), 0..1, as the module takes them."""
        mean, std = (torch.tensor(value, device=views.device)[:, None, None] for value in (self.mean, self.std))
        # Scale and shift in one pass: (views - mean) / std.
        normalised = torch.addcmul(-mean / std, views, 1 / std)
        if self.dtype is torch.float16:
            normalised = _ScaleGradient.apply(normalised, 1 / _HALF_SCALE)
        return normalised.to(self.dtype, memory_format=torch.channels_last)

    def postprocess(self, values: Tensor) -> Tensor:
        """What came out of the module, or of a part of it, in float32."""
        values = values.float()
        return _ScaleGradient.apply(values, _HALF_SCALE) if self.dtype is torch.float16 else values

    def convert_to(self, kind: type[J], **more: Any) -> J:
        """Return this judge as one of a subclass `kind`: every field of `Judge` as it is, and `more` for the others."""
        return kind(**{one.name: getattr(self, one.name) for one in fields(Judge)}, **more)

    def with_precision(self, dtype: torch.dtype) -> Self:
        """The same judge with weights of another floating-point type; without the owner if those are a copy."""
        if dtype == self.dtype:
            return self
        if not dtype.is_floating_point:
            raise ValueError(f"precision {dtype} has no fractions; choose torch.float32, bfloat16 or float16")
        # Modules change in place, and this one is not ours alone.
        return replace(self, module=deepcopy(self.module).to(dtype), owner=None)


def probe_judge(judge: Judge, *, answer: str, wanted: str) -> int:
    """Show a judge a black view and return how many numbers it answers with.

    Args:
        judge: a frozen judge.
        answer: what it must answer with, in words, such as "one number a class".
        wanted: what the user can choose in its place, such as "a classifier".

    Raises:
        ValueError: the module does not take such views, answers with something else, or with numbers that are not
            finite.
    """
    name, size = judge.name, judge.size
    device = next((parameter.device for parameter in judge.module.parameters()), None)
    try:
        with torch.no_grad():
            output = judge.module(judge.preprocess(torch.zeros(1, 3, size, size, device=device)))
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise ValueError(f"{name} does not take colour images of {size} x {size}; choose {wanted}") from error
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"{name} does not answer {answer}; choose {wanted}")
    if not bool(output.isfinite().all()):
        raise ValueError(f"{name} answers with values that are no numbers; its weights are damaged, get them again")
    return output.shape[1]


class _ScaleGradient(torch.autograd.Function):
    """The input as it is, its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def freeze(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The module ready to judge: evaluation mode, no gradients of weights, batch norm folded, channels last."""
    module = fold_batch_norm(module.eval().requires_grad_(False))
    for part in module.modules():
        # Backward needs what these overwrite (only ReLU's is its own result), so that in place they have to copy it.
        if getattr(part, "inplace", False) and not isinstance(part, nn.ReLU):
            part.inplace = False  # type: ignore[assignment]
    return module.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def to_triple(values: Sequence[float]) -> tuple[float, float, float]:
    """Three channel values as a tuple."""
    red, green, blue = (float(value) for value in values)
    return red, green, blue
