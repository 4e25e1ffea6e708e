"""A judge that also compares views with photographs, by the mean and the variance of every channel of some layers.

Every batch norm holds those of its layer for the photographs of the training (DeepInversion, Yin et al., CVPR 2020,
section 3.2); others are measured (`photographs.py`), as in VITAL (Gorgun et al., 2025, arXiv 2503.22399).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..common.devices import keep_copy
from ..common.own_thread import hearing_own_thread
from .fold import find_statistics
from .judge import Judge

# Added to ratios of variances, so that a channel that is constant in a view has a finite gradient.
_FLOOR = 1e-4
# The least known variance of a channel, as a share of their mean: a norm may have switched a channel off.
_LEAST_VARIANCE = 1e-6
_SAMPLED = 28  # Rows and columns of a layer that are sampled at least; neighbours are alike, and all would take long.
EARLY = 0.4  # The share of the norms of a model that are compared, from the first on.

T = TypeVar("T")

Known = tuple[str, Tensor, Tensor]  # The name of a part of a model, and its mean and variance (C,) for photographs.


@dataclass(frozen=True)
class Watched:
    """The answer of a judge for V views, and how far their statistics are from those of photographs, (V,)."""

    output: Any
    distances: Tensor


@dataclass(frozen=True, kw_only=True)
class StatisticsJudge(Judge):
    """A judge that gives the answer of the judge `asked` in a `Watched`, with distances from the same run."""

    asked: Judge
    known: tuple[Known, ...] = field(repr=False, compare=False)

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The kind of answer: that of the judge that is watched."""
        return self.asked.answer_key

    @property
    def whole(self) -> Judge:
        """This judge, with the judge that is watched as a whole."""
        return replace(self, asked=self.asked.whole)

    def compares_like(self, other: "StatisticsJudge") -> bool:
        """Whether another judge compares the same parts with the same photographs."""
        ours, theirs = ({name: mean for name, mean, _ in judge.known} for judge in (self, other))
        return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)

    def answer(self, views: Tensor, images: Sequence[tuple[int, int]]) -> Watched:
        """Return the answer of the judge that is watched, and the mean of the distances over the parts that ran."""
        statistics = {name: (mean, variance) for name, mean, variance in self.known}
        found: list[tuple[Tensor, ...]] = []

        def hear(name: str, moments: tuple[Tensor, Tensor]) -> None:
            found.append((*moments, *(keep_copy(value, moments[0]) for value in statistics[name])))

        with measuring_moments(self.module, list(statistics), hear):
            output = self.asked.answer(views, images)
        # A judge of early layers alone may stop before the first norm.
        distances = measure_distances(*zip(*found, strict=True)) if found else views.new_zeros(len(views))
        return Watched(output, self.postprocess(distances))


def watch(judge: Judge, known: Sequence[Known] = ()) -> StatisticsJudge:
    """Return a single judge that also compares its views with photographs: those of its norms, or `known` ones."""
    known = known or find_norms(judge.module)
    if not known:
        raise ValueError(
            f"{judge.name} has no batch norms, which would know what photographs are like; give some photographs, or "
            "take a model with batch norms, such as load_starter() or a ResNet"
        )
    for _, mean, variance in known:
        if not bool(mean.isfinite().all() and variance.isfinite().all() and (variance >= 0).all() and variance.any()):
            raise ValueError(f"the batch norms of {judge.name} are damaged or were never trained; take another model")
    return judge.convert_to(StatisticsJudge, asked=judge, known=tuple(known))


def find_norms(module: nn.Module) -> list[Known]:
    """Return the early parts whose statistics are known: of a norm those of its input, else those of the output."""
    norms: list[tuple[nn.Module, Known]] = []
    for name, part in module.named_modules():
        known = find_statistics(part)
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            known = part.running_mean, part.running_var
        if known is not None:
            norms.append((part, (name, *known)))
    return [known for part, known in take_early(norms) if not _adds_channels(part)]


def take_early(parts: Sequence[T]) -> Sequence[T]:
    """Return the early ones of the parts of a model: late ones ask for more things than one picture should have."""
    return parts[: math.ceil(EARLY * len(parts))]


def _adds_channels(part: nn.Module) -> bool:
    """Return whether a part is a convolution, but not the first, with more outputs than inputs: these take long."""
    return isinstance(part, nn.Conv2d) and part.out_channels > part.in_channels > 3


@contextmanager
def measuring_moments(
    module: nn.Module, names: Sequence[str], hear: Callable[[str, tuple[Tensor, Tensor]], None]
) -> Iterator[None]:
    """Report mean and mean square (V, C) of parts of a module, by name, while it runs in this thread."""

    def measure(name: str, part: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        values = _by_channel(inputs[0] if isinstance(part, nn.BatchNorm2d) else output, part)
        hear(name, Moments.apply(values, max(1, min(values.shape[2:]) // _SAMPLED)))

    with ExitStack() as hooks:
        for name in names:
            register = module.get_submodule(name).register_forward_hook
            hooks.enter_context(hearing_own_thread(register, partial(measure, name)))
        yield


def _by_channel(values: Tensor, part: nn.Module) -> Tensor:
    """Return values as (V, C, H, W): those of a layer norm may be tokens (V, T, C), pooled (V, C), or channels last."""
    if isinstance(part, nn.LayerNorm | nn.RMSNorm) and values.shape[-1] == part.normalized_shape[-1]:
        values = values.movedim(-1, 1)
    return values[(...,) + (None,) * (4 - values.ndim)]


def measure_distances(
    means: Sequence[Tensor], squares: Sequence[Tensor], known: Sequence[Tensor], variances: Sequence[Tensor]
) -> Tensor:
    """Return how far the views are from what the norms know, (V,): the mean, over layers and channels, of the squared
    Fréchet distance of two normal distributions, in known variances (Dowson and Landau, J. Multivariate Anal. 12,
    1982). A layer has means and mean squares (V, C), and a known mean and variance (C,)."""
    # All layers at once: a layer by itself is small, and each operation takes time.
    scale = torch.cat([torch.maximum(each, _LEAST_VARIANCE * each.mean()) for each in variances]).float()
    mean = torch.cat(list(means), dim=1)
    shift = (mean - torch.cat(list(known)).float()).square() / scale
    variance = (torch.cat(list(squares), dim=1) - mean.square()).clamp(min=0)
    deviation = (variance / scale + _FLOOR).sqrt() - 1
    layers = (shift + deviation.square()).split([len(each) for each in known], dim=1)
    return torch.stack([layer.mean(dim=1) for layer in layers]).mean(dim=0)


class Moments(torch.autograd.Function):
    """Mean and mean square, each (V, C), of every `step`-th row and column: several times as fast as `var_mean`."""

    @staticmethod
    def forward(context: Any, values: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the mean and the mean square of every channel of every view."""
        # A copy, because an activation may overwrite the values in place.
        sample = values[:, :, ::step, ::step].clone(memory_format=torch.channels_last)
        context.save_for_backward(sample)
        context.shape, context.step = values.shape, step
        flat = sample.float().permute(0, 2, 3, 1).flatten(1, 2)
        return flat.mean(dim=1), flat.square().mean(dim=1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient at the values, given those at the means and at the mean squares."""
        (sample,) = context.saved_tensors
        count = sample.shape[2] * sample.shape[3]
        of_mean, of_square = (gradient[:, :, None, None] / count for gradient in gradients)
        there = torch.addcmul(of_mean.to(sample.dtype), sample, 2 * of_square.to(sample.dtype))
        if context.step == 1:
            return there, None
        full = torch.empty(context.shape, dtype=sample.dtype, device=sample.device, memory_format=torch.channels_last)
        full.zero_()[:, :, :: context.step, :: context.step] = there
        return full, None
