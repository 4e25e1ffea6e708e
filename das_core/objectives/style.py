"""The objective that gives a picture the style of an image.

Style is described by how strongly each pair of channels of a layer is active together, averaged over all positions:
the Gram matrix of the layer, as in Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks"
(CVPR 2016, section 2.2). Here the squared distance of two Gram matrices is divided by the squared norm of the target,
so that layers with large and with small activations count alike.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..common.devices import keep_copy, make_constant
from ..common.images import Images, check_images, fit_square
from ..common.interruption import allow_interrupt
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, make_activation_judge
from ..models.layers.default_layers import choose_style_layers
from ..models.layers.layer import find_layer, find_layers
from .term import Objective, make_objective

SMALLEST_STYLE = 16
"""The least width and height of a style image, in pixels; smaller images show no texture."""

_ZOOMS = (1.0, 0.7)
"""The sides of the windows of a style image, as shares of its short side. Windows of views have similar shares."""

_MAX_WINDOWS = 8
"""The most windows side by side along one axis of a style image."""

_CHUNK = 4
"""How many windows go through the judge at once."""


def style_objective(model: Judge, images: Images, layers: str = "", weight: float = 1.0) -> Objective:
    """Return the objective of the style of images.

    The score of a view is minus the weighted sum over the layers of |G - T|² / |T|², where G is the Gram matrix of the
    view (`gram_matrix`), T that of the style, and |·| the Frobenius norm. It is at most 0 if no weight is negative.
    All images together define one style: the mean of the Gram matrices over several windows of each image.

    Args:
        model: the judge whose layers are compared.
        images: (B, 3, H, W), 0..1, or another form of `Images`, at least 16 x 16, on the CPU or the device of the
            judge.
        layers: one layer per line, optionally followed by ': weight'; without one the weight is 1. If empty,
            `choose_style_layers` chooses the layers.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when the model is an ensemble or has no such layer; a weight is not a number, not finite or too
            large; all weights are 0; the images are in none of the forms of `Images`, are not finite or are too
            small; or the activations of a layer are all zero.

    Example:
        >>> import torch
        >>> from das_core import load_starter, style_objective
        >>> image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> score = style_objective(load_starter(), image, "blocks.1\\nblocks.2: 0.5").terms[0].score
        >>> score.weights, [tuple(target.shape) for target in score.targets]
        ((1.0, 0.5), [(24, 24), (40, 40)])
    """
    known = find_layers(model)
    images = model.bring(check_images(images, "the style image"))
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST_STYLE:
        raise ValueError(
            f"a style image of {width} x {height} pixels has no texture to take; use one of {SMALLEST_STYLE} x "
            f"{SMALLEST_STYLE} or more"
        )
    weights: dict[str, float] = {}
    for name, share in parse_weighted_lines(layers, "layer4: 0.5"):
        layer = find_layer(known, name, model.name)
        weights[layer.name] = weights.get(layer.name, 0.0) + share
    weights = weights or dict.fromkeys(choose_style_layers(known, model.size), 1.0)
    judge = make_activation_judge(model, [find_layer(known, name, model.name) for name in weights])
    for name, share in weights.items():
        check_weight(share, f"layer {name}")
    if not any(weights.values()):
        raise ValueError("the weights of all layers are 0, so there is no style to take; raise one above 0")
    targets = measure_style(judge, images)
    for layer, target in zip(judge.layers, targets, strict=True):
        if not bool(target.isfinite().all()) or not bool(target.any()):
            raise ValueError(
                f"layer {layer.name} of {judge.name} sees nothing in the style image that could be aimed at; leave it "
                "out, or use another image"
            )
    return make_objective("style", [(judge, StyleScore(judge, targets, tuple(weights.values())))], weight)


@dataclass(frozen=True, eq=False)
class StyleScore:
    """Minus the weighted relative squared distance between the Gram matrices of a view and those of a style.

    Args:
        judge: a judge that captures the layers.
        targets: the Gram matrix T (channels, channels) of the style in every layer, see `measure_style`.
        weights: the weight of every layer in the sum.
    """

    judge: ActivationJudge
    targets: tuple[Tensor, ...] = field(repr=False)
    weights: tuple[float, ...]

    def __call__(self, output: Activations, images: Tensor) -> Tensor:
        """Return the score of every view, (V,)."""
        distances = measure_style_distances(output, self.judge, self.targets)
        return -distances @ make_constant(self.weights, distances.dtype, distances.device)


def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrices of activations: for each pair of channels the mean of their product over all positions.

    Args:
        features: activations (V, channels, *positions).

    Returns:
        (V, channels, channels).

    Example:
        >>> import torch
        >>> gram_matrix(torch.tensor([[[1.0, 3.0], [2.0, 0.0]]]))
        tensor([[[5., 1.],
                 [1., 2.]]])
    """
    flat = features.flatten(2) if features.ndim > 2 else features[:, :, None]
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def measure_style_distances(output: Activations, judge: ActivationJudge, targets: tuple[Tensor, ...]) -> Tensor:
    """Return the relative squared distance of every view to a style, layer by layer.

    Args:
        output: the activations of V views.
        judge: the judge that captured them.
        targets: the Gram matrix T (channels, channels) of the style in every layer of the judge.

    Returns:
        |G - T|² / |T|² (V, layers), at least 0; it is 0 where G and T are the same. G is the Gram matrix of a view.
    """
    columns = []
    for layer, target in zip(judge.layers, targets, strict=True):
        gram = gram_matrix(output[layer.name])
        aim = keep_copy(target, gram)
        columns.append((gram - aim).square().sum(dim=(1, 2)) / aim.square().sum())
    return torch.stack(columns, dim=1)


def measure_style(judge: ActivationJudge, images: Tensor) -> tuple[Tensor, ...]:
    """Return the mean Gram matrix of every captured layer over evenly spaced square windows of some images.

    Args:
        judge: a judge that captures the layers, on the device of the images.
        images: (B, 3, H, W), 0..1.

    Returns:
        A matrix (channels, channels) for every layer, float32, on the CPU.
    """
    windows = torch.cat([fit_square(window, judge.size) for window in _cut_windows(images)])
    sums = [torch.zeros(layer.channels, layer.channels, dtype=torch.float32) for layer in judge.layers]
    with torch.no_grad():
        for part in windows.split(_CHUNK):
            output = judge(part)
            allow_interrupt()
            for total, layer in zip(sums, judge.layers, strict=True):
                total += gram_matrix(output[layer.name]).sum(dim=0).cpu()
    return tuple(total / len(windows) for total in sums)


def _cut_windows(images: Tensor) -> Iterator[Tensor]:
    """Yield square windows (B, 3, side, side), evenly spaced over images (B, 3, H, W)."""
    height, width = images.shape[2:]
    for zoom in _ZOOMS:
        side = math.ceil(min(height, width) * zoom)
        for top in _space_windows(height, side):
            for left in _space_windows(width, side):
                yield images[:, :, top : top + side, left : left + side]


def _space_windows(length: int, side: int) -> list[int]:
    """Return the first pixels of windows of `side` pixels, evenly spaced along an axis of `length` pixels."""
    count = min(math.ceil(length / side), _MAX_WINDOWS)
    return [round((length - side) * number / max(1, count - 1)) for number in range(count)] if count > 1 else [0]
