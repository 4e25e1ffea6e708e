"""Take over the style of an image: the statistics of what a model sees in it, without the places.

The Gram matrices of Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016,
section 2.2), here each compared as a share of its target's size, so that layers count alike whatever their scale.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.images import check_images, fit_square
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, capture_layers
from ..models.layers.default_layers import choose_style_layers
from ..models.layers.layer import find_layer, find_layers
from .base import BaseObjective

SMALLEST_STYLE = 16
"""Pixels a side below which an image has no texture to speak of."""

_ZOOMS = (1.0, 0.7)
"""Sides of the windows that a style image is seen through, as shares of its short side: about as near as views come."""

_MOST_WINDOWS = 8
_CHUNK = 4


@dataclass(frozen=True)
class StyleObjective(BaseObjective):
    """How near the Gram matrices of some layers come to those of an image: 0 when they are the same, else below.

    The score of a view is minus the weighted sum over the layers of |G - T|² / |T|², where G is the Gram matrix
    (channels, channels) of the view, T that of the style (`gram`), and |·| the Frobenius norm.
    """

    judge: ActivationJudge
    targets: tuple[Tensor, ...]
    weights: tuple[float, ...]
    weight: float = 1.0
    name: str = "style"

    def __post_init__(self) -> None:
        if not len(self.judge.layers) == len(self.targets) == len(self.weights):
            raise ValueError(
                f"{len(self.targets)} targets and {len(self.weights)} weights do not go with "
                f"{len(self.judge.layers)} layers; each layer needs one of both"
            )
        for layer, target, weight in zip(self.judge.layers, self.targets, self.weights, strict=True):
            check_weight(weight, f"layer {layer.name}")
            if not bool(target.isfinite().all()) or not bool(target.any()):
                raise ValueError(
                    f"layer {layer.name} of {self.judge.name} sees nothing in the style image that could be aimed at; "
                    "leave it out, or use another image"
                )
        check_weight(self.weight, "the objective")
        if not any(self.weights):
            raise ValueError("the weights of all layers are 0, so there is no style to take; raise one above 0")

    @classmethod
    def from_images(cls, model: Judge, images: Tensor, layers: str = "", weight: float = 1.0) -> "StyleObjective":
        """Return the objective of the style of images.

        Several images, and several windows of each, are one style: the mean of their Gram matrices.

        Args:
            model: the judge to look into.
            images: (B, 3, H, W), 0..1, of any size from 16 x 16.
            layers: a layer a line, then optionally ': weight'; without lines those of `choose_style_layers`.
            weight: how much the score counts.

        Raises:
            ValueError: there is no such layer, or an image is none or too small to have a texture.
        """
        check_images(images, "the style image")
        height, width = images.shape[2:]
        if min(height, width) < SMALLEST_STYLE:
            raise ValueError(
                f"a style image of {width} x {height} pixels has no texture to take; use one of {SMALLEST_STYLE} x "
                f"{SMALLEST_STYLE} or more"
            )
        known = find_layers(model)
        weights: dict[str, float] = {}
        for name, share in parse_weighted_lines(layers, "layer4: 0.5"):
            layer = find_layer(known, name, model.name)
            weights[layer.name] = weights.get(layer.name, 0.0) + share
        weights = weights or dict.fromkeys(choose_style_layers(known, model.size), 1.0)
        judge = capture_layers(model, [find_layer(known, name, model.name) for name in weights])
        return cls(judge, measure_style(judge, images), tuple(weights.values()), weight)

    def score(self, output: Activations) -> Tensor:
        """The score (V,) of every view."""
        distances = measure_style_distances(output, self.judge, self.targets)
        return -distances @ distances.new_tensor(self.weights)


def gram_matrix(features: Tensor) -> Tensor:
    """The Gram matrices (V, channels, channels) of features (V, channels, *positions): means over the positions."""
    flat = features.flatten(2) if features.ndim > 2 else features[:, :, None]
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def measure_style_distances(output: Activations, judge: ActivationJudge, targets: tuple[Tensor, ...]) -> Tensor:
    """|G - T|² / |T|² (V, layers) of every view and watched layer."""
    columns = []
    for layer, target in zip(judge.layers, targets, strict=True):
        found = gram_matrix(output[layer.name])
        aim = target.to(found)
        columns.append((found - aim).square().sum(dim=(1, 2)) / aim.square().sum())
    return torch.stack(columns, dim=1)


def measure_style(judge: ActivationJudge, images: Tensor) -> tuple[Tensor, ...]:
    """The mean Gram matrix of every watched layer over the windows of images (B, 3, H, W), float32, on the CPU."""
    windows = torch.cat([fit_square(window, judge.size) for window in _cut_windows(images)])
    sums = [torch.zeros(layer.channels, layer.channels) for layer in judge.layers]
    with torch.no_grad():
        for part in windows.split(_CHUNK):
            output = judge(part)
            for total, layer in zip(sums, judge.layers, strict=True):
                total += gram_matrix(output[layer.name]).sum(dim=0).cpu()
    return tuple(total / len(windows) for total in sums)


def _cut_windows(images: Tensor) -> Iterator[Tensor]:
    """Square windows that cover images (B, 3, H, W) evenly, of a few sides."""
    height, width = images.shape[2:]
    for zoom in _ZOOMS:
        side = math.ceil(min(height, width) * zoom)
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield images[:, :, top : top + side, left : left + side]


def _starts(length: int, side: int) -> list[int]:
    count = min(math.ceil(length / side), _MOST_WINDOWS)
    return [round((length - side) * number / max(1, count - 1)) for number in range(count)] if count > 1 else [0]
