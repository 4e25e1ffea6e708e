"""The judge: a frozen model that is asked about views of a canvas."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from ..common.cache import cached
from ..common.devices import find_device, send_to_device
from ..common.images import FLOATS
from ..common.interruption import is_cancellation
from ..common.modes import default_as_user, own_modes, without_autocast
from ..common.text import shorten
from .fold import FORWARD_ERRORS
from .frozen import copy_with_precision, evaluating

# The gradient at a view consists of numbers so small that float16 would round many of them to 0. So the backward pass
# through a model in float16 computes the gradient times this factor.
_HALF_SCALE = 256.0

MOST_CLASSES = 100_000  # The most numbers in the answer for a view that are taken for classes, or for an embedding.
_ADVICE = "give the size that it takes, or correct its forward pass"

J = TypeVar("J", bound="Judge")


@dataclass(frozen=True)
class Judge:
    """A model, together with the size and the normalisation of the views that it takes.

    Calling a judge with views returns the output of its model; gradients flow from the output to the views. The model
    runs in evaluation mode and without gradients of its weights; a call does not change it. A frozen model is faster.

    Args:
        name: the name of the model in messages.
        module: the model; it takes normalised views (V, 3, size, size).
        size: the side of a view in pixels.
        mean: per channel (red, green, blue), the mean that is subtracted from views in 0..1.
        std: per channel, the standard deviation that views are then divided by.
        noise: the standard deviation of the Gaussian noise, in pixels 0..1, that its views have at the first step of an
            ascent: 0.5 for a judge that was taught to see through it (`teach`), else 0.
        owner: any object that must live as long as the judge; in ComfyUI the `ModelPatcher` that moves the module.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> judge = da.Judge("mean colour", module, 8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        >>> judge(torch.full((1, 3, 8, 8), 0.75))
        tensor([[1., 1., 1.]])
    """

    name: str
    module: nn.Module = field(repr=False)
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    noise: float = 0.0
    owner: Any = field(default=None, repr=False, compare=False)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights; float32 for a model without weights."""
        return next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)

    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU for a model without weights."""
        return next((weight.device for weight in self.module.parameters()), torch.device("cpu"))

    def to(self, device: torch.device | str) -> Self:
        """Return this judge if its weights are on `device`, else one without `owner`, with a copy of the module.

        The text tower of a `CLIP` stays where it is.

        Raises:
            ValueError: when there is no such device here.
        """
        there = find_device(device)

        def move(judge: Judge) -> Judge:
            if judge.device == there:
                return judge
            return replace(judge, module=deepcopy(judge.module).to(there), owner=None)

        with own_modes():
            return self.map_members(move)

    def bring(self, images: Tensor) -> Tensor:
        """Move images from the CPU to the device of the weights. Images on another device stay where they are, because
        a memory manager may keep weights on the CPU although the model computes on that device."""
        return images.to(self.device) if images.device.type == "cpu" else images

    def __call__(self, views: Tensor) -> Tensor:
        """Return the output of the model, in float32, for views (V, 3, size, size), 0..1.

        Raises:
            ValueError: when the output is no tensor with a row for every view.
        """
        answer = self.run(views)
        if not isinstance(answer, Tensor) or answer.ndim == 0 or len(answer) != len(views):
            found = tuple(answer.shape) if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
            raise ValueError(
                f"{self.name} answers {len(views)} views with {found}: a judge answers with a tensor that has a row "
                "for every view; put the model into a module that picks it out, or climb one of its layers"
            )
        return self.postprocess(answer)

    def run(self, views: Tensor, failures: tuple[type[Exception], ...] = FORWARD_ERRORS, advice: str = _ADVICE) -> Any:
        """Return the raw output of the module for views (V, 3, size, size), 0..1: neither checked nor postprocessed.

        Raises:
            ValueError: when the forward pass raises one of these failures; the message ends with `advice`.
        """
        with evaluating(self.module), without_autocast():
            try:
                prepared = self.preprocess(views)
                with default_as_user():
                    return self.module(prepared)
            except failures as error:
                if is_cancellation(error) or isinstance(error, torch.OutOfMemoryError):
                    raise
                raise ValueError(
                    f"{self.name} fails on colour images of {self.size} x {self.size} "
                    f"({type(error).__name__}: {shorten(str(error), 200)}); {advice}"
                ) from error

    def probe(self, views: Tensor, advice: str = _ADVICE) -> Any:
        """Return the raw output for views (V, 3, size, size), 0..1, on any device, without gradients.

        Raises:
            ValueError: when the module cannot run on such views; the message ends with `advice`.
        """
        with torch.no_grad():
            return self.run(views.to(self.device), (*FORWARD_ERRORS, RuntimeError), advice)

    @property
    def members(self) -> tuple[Self, ...]:
        """The single models of this judge: itself, or the members of an ensemble."""
        return (self,)

    def map_members(self, change: Callable[[Any], Any]) -> Self:
        """Return this judge with `change` applied to every member; the judge itself if no member changes."""
        changed: Self = change(self)
        return changed

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The kind of answer: judges with the same module and equal keys can share one run of the module."""
        return ("output",)

    def preprocess(self, views: Tensor) -> Tensor:
        """Normalise views (V, 3, size, size), 0..1, and convert them to the precision of the model, channels last."""
        # (views - mean) / std as a single operation: views * scale + shift.
        shift, scale = _make_normalisation(self.mean, self.std, views.device)
        normalised = torch.addcmul(shift, views, scale)
        if self.dtype is torch.float16:
            _scale_gradient(normalised, 1 / _HALF_SCALE)
        return normalised.to(self.dtype, memory_format=torch.channels_last)

    def postprocess(self, values: Tensor) -> Tensor:
        """Return an output of the module, or of one of its layers, in float32; see `_HALF_SCALE`."""
        values = values.float()
        if self.dtype is torch.float16:
            _scale_gradient(values, _HALF_SCALE)
        return values

    def convert_to(self, kind: type[J], **more: Any) -> J:
        """Return this judge as a subclass, with the values `more` of the fields it adds; the module is shared."""
        return kind(**{one.name: getattr(self, one.name) for one in fields(Judge)}, **more)

    def with_precision(self, dtype: torch.dtype) -> Self:
        """Return this judge if its weights have the type `dtype`, else one without `owner`, with a converted copy.

        Raises:
            ValueError: when `dtype` is not torch.float32, bfloat16, float16 or float64.
        """
        if dtype not in FLOATS:
            raise ValueError(f"precision {shorten(repr(dtype))} is none of {', '.join(map(str, FLOATS))}")

        def convert(judge: Judge) -> Judge:
            if judge.dtype == dtype:
                return judge
            # A copy, because `Module.to` converts in place and other judges may use this module too.
            return replace(judge, module=copy_with_precision(judge.module, dtype), owner=None)

        return self.map_members(convert)


def check_judge(model: Any, kind: type[J], lacks: str = "") -> J:
    """Return a model that is a judge of some kind, or raise a ValueError that says how to get one. `lacks` says what a
    judge of another kind lacks and what to do, such as "knows no classes; load a classifier"."""
    if isinstance(model, kind):
        return model
    if isinstance(model, Judge):
        raise ValueError(f"{model.name} {lacks}")
    if isinstance(model, nn.Module):
        raise ValueError(f"a {type(model).__name__} is a plain module; make a judge of it with da.wrap(module)")
    given = f"'{shorten(model)}'" if isinstance(model, str) else f"a {type(model).__name__}"
    loader = "load_starter_clip()" if kind.__name__ == "CLIP" else "load_starter()"
    raise ValueError(f"{given} is no {kind.__name__}; load one, such as {loader}, or use da.wrap(module)")


@cached(maxsize=16)
def _make_normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return -mean / std and 1 / std, each (3, 1, 1), on a device."""
    middle, spread = (torch.tensor(value, dtype=torch.float32, device="cpu")[:, None, None] for value in (mean, std))
    return send_to_device(-middle / spread, device), send_to_device(1 / spread, device)


def probe_judge(judge: Judge, *, answer: str, wanted: str) -> int:
    """Run a judge on a black view, check its output (1, N), and return N. In a message, `answer` says what the output
    should be, such as "with one number a class", and `wanted` what to choose instead, such as "a classifier"."""
    name = judge.name
    views = torch.zeros(1, 3, judge.size, judge.size, dtype=torch.float32, device="cpu")
    output = judge.probe(views, f"choose {wanted}")
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ValueError(f"{name} does not answer {answer}; choose {wanted}")
    if output.shape[1] > MOST_CLASSES:
        raise ValueError(f"{name} answers with {output.shape[1]} numbers, above {MOST_CLASSES}; choose {wanted}")
    if not bool(output.isfinite().all()):
        raise ValueError(f"{name} answers with values that are no numbers; its weights are damaged, get them again")
    return output.shape[1]


def _scale_gradient(values: Tensor, factor: float) -> None:
    """Multiply the gradient at these values by a factor in the backward pass."""
    if values.requires_grad:
        values.register_hook(lambda gradient: gradient * factor)


def to_triple(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the values of three channels as a tuple of floats; raise a ValueError when there are not three."""
    red, green, blue = (float(value) for value in values)
    return red, green, blue
