"""The style of an image: how strongly each pair of channels of a layer is active together, and which colours there are;
and its content, the activations of a layer at every position: kept, or exaggerated.

Unlike those of Gatys, Ecker and Bethge (2016), distances of Gram matrices are relative to the target, so that all
layers count alike; and the colours of pixels are compared, which layers hardly hold. For the content, a view is
compared with the same view of the image: same window, flip and noise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import keep_copy, make_constant
from ..common.images import Images, check_images, fit_square
from ..common.interruption import allow_interrupt
from ..common.modes import without_autocast
from ..common.scalars import check_number
from ..common.weighted_lines import parse_weighted_lines
from ..models.judge import Judge
from ..models.layers.activations import VIEWS, ActivationJudge, Activations, make_activation_judge
from ..models.layers.default_layers import choose_content_layer, choose_style_layers
from ..models.layers.layer import find_layer, find_layers
from .objective import Objective, make_objective, question

SMALLEST_STYLE = 16  # Pixels a side; smaller images show no texture.
COLORS = 0.25  # The weight of the colours, relative to that of all layers together.
_LEAST_CONTRAST = 2 / 255  # Of a style image, from the darkest to the brightest pixel of any channel.
_ZOOMS = (1.0, 0.7)  # The sides of the windows of a style image, as shares of its short side; those of views are alike.
_MAX_WINDOWS = 8  # Side by side along one axis.
_CHUNK = 4  # How many windows go through the judge at once.


@question
def style(judge: Judge, photo: Images, layers: str = "") -> Objective:
    """Ask for the style of a `photo` or a painting, or of several.

    The score of a view is minus the weighted sum over the layers of `|G - T|² / |T|²`: G is the Gram matrix of the
    view, T the mean Gram matrix over several windows of all images. A share of it (`COLORS`) is the same of the
    covariances of its pixels, plus the squared distance of their means, relative to the variance.

    Args:
        photo: see `Images`, at least 16 x 16.
        layers: one layer per line, optionally followed by ': weight'. If empty, `choose_style_layers` chooses.
    """
    known = find_layers(judge)
    images = judge.bring(check_images(photo, "the style image"))
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST_STYLE:
        raise ValueError(
            f"a style image of {width} x {height} pixels has no texture to take; use one of {SMALLEST_STYLE} x "
            f"{SMALLEST_STYLE} or more"
        )
    if float((images.amax(dim=(2, 3)) - images.amin(dim=(2, 3))).max()) < _LEAST_CONTRAST:
        raise ValueError("a style image of one colour has no texture to take; use one with strokes or grain")
    weights: dict[str, float] = {}
    for name, share in parse_weighted_lines(layers, "layer4: 0.5"):
        layer = find_layer(known, name, judge.name)
        weights[layer.name] = weights.get(layer.name, 0.0) + share
    weights = weights or dict.fromkeys(choose_style_layers(known, judge.size), 1.0)
    reader = make_activation_judge(judge, [find_layer(known, name, judge.name) for name in weights])
    if not any(weights.values()):
        raise ValueError("the weights of all layers are 0, so there is no style to take; raise one above 0")
    targets, mean = measure_style(reader, images)
    for layer, target in zip(reader.layers, targets, strict=False):
        if not bool(target.isfinite().all()) or not bool(target.any()):
            raise ValueError(
                f"layer {layer.name} of {judge.name} sees nothing in the style image that could be aimed at; leave it "
                "out, or use another image"
            )
    return make_objective("style", [(reader, StyleScore(reader, targets, mean, tuple(weights.values())))])


@dataclass(frozen=True, eq=False)
class StyleScore:
    """Minus the weighted relative squared distance of the Gram matrices and colours of a view from those of a style;
    `targets` are the matrices (C, C) of each layer and, last, the covariances of the pixels, whose mean is `mean`."""

    judge: ActivationJudge
    targets: tuple[Tensor, ...] = field(repr=False)
    mean: Tensor = field(repr=False)
    weights: tuple[float, ...]

    def __call__(self, output: Activations, images: Tensor) -> Tensor:
        """Return the score of every view, (V,)."""
        weights = (*self.weights, COLORS * sum(map(abs, self.weights)))
        distances = self.measure_distances(output)
        return -distances @ make_constant(weights, distances.dtype, distances.device)

    def measure_distances(self, output: Activations) -> Tensor:
        """Return |G - T|² / |T|² (V, layers + 1) of views; the last column also has the distance of the mean colour."""
        columns = []
        for found, target in zip(_list_matrices(self.judge, output), self.targets, strict=True):
            aim = keep_copy(target, found)
            columns.append((found - aim).square().sum(dim=(1, 2)) / aim.square().sum())
        off = output[VIEWS].mean(dim=(2, 3)) - keep_copy(self.mean, output[VIEWS])
        columns[-1] = columns[-1] + off.square().sum(dim=1) / self.targets[-1].trace()
        return torch.stack(columns, dim=1)


@without_autocast()
def gram_matrix(features: Tensor) -> Tensor:
    """Return the Gram matrices (V, C, C) of activations (V, C, *positions), as means over the positions."""
    flat = features.flatten(2) if features.ndim > 2 else features[:, :, None]
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def measure_style(judge: ActivationJudge, images: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
    """Return the mean matrices of every captured layer and of the pixels over windows of images (B, 3, H, W), and the
    mean colour; float32, on the CPU."""
    windows = torch.cat([fit_square(window, judge.size) for window in _cut_windows(images)])
    sums = [torch.zeros(count, count, device="cpu") for count in (*(layer.channels for layer in judge.layers), 3)]
    with torch.no_grad():
        for part in windows.split(_CHUNK):
            output = judge(part)
            allow_interrupt()
            for total, found in zip(sums, _list_matrices(judge, output), strict=True):
                total += found.sum(dim=0).cpu()
    return tuple(total / len(windows) for total in sums), windows.mean(dim=(0, 2, 3)).cpu()


def _list_matrices(judge: ActivationJudge, output: Activations) -> list[Tensor]:
    """Return the Gram matrices (V, C, C) of each layer, and the covariances (V, 3, 3) of the pixels of views."""
    centered = output[VIEWS] - output[VIEWS].mean(dim=(2, 3), keepdim=True)
    return [*(gram_matrix(output[layer.name]) for layer in judge.layers), gram_matrix(centered)]


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
    return [round((length - side) * number / max(1, count - 1)) for number in range(count)]


_EPSILON = 1e-12  # The smallest divisor of a distance: all activations of an image may be zero.
_LEAST_COSINE = 0.1  # As in lucid: smaller ones count as this, so that every position has a gradient.


@question
def content(judge: Judge, photo: Images, layer: str = "") -> Objective:
    """Ask for the activations that a `photo` has in one layer: it keeps what is in the photograph, and from a grey
    start it shows what the layer keeps of it (Mahendran and Vedaldi, 2015).

    The score of a view is `-|F - C|² / |C|²`, at most 0: F are its activations, C those of the same view of the photo.

    Args:
        photo: see `Images`; one for all images of a stack or one for each; for a zoom, one for each moment.
        layer: the name of the layer; if empty, `choose_content_layer` chooses one.
    """
    known = find_layers(judge)
    found = find_layer(known, layer if layer.strip() else choose_content_layer(known, judge.size), judge.name)
    reader, image = make_activation_judge(judge, [found]), check_images(photo, "the content image")

    def score(output: Activations, images: Tensor) -> Tensor:
        return -measure_content_distance(*_pair(output, found.name))

    return make_objective("content", [(reader, score)], references=(image,), images=len(image))


@question
def caricature(judge: Judge, photo: Images, layer: str, power: float = 1) -> Objective:
    """Ask for what a `photo` excites in one layer, exaggerated, place by place (Olah et al., lucid, 2018).

    The score of a view is the mean of F C max(cos, 0.1)^power over channels and positions: F are its activations, C
    those of the same view of the photo, and cos is their cosine at a position. That of the photo itself is its mean
    square, as in `layer`. With `start=photo` the photograph changes, without it a new picture grows.

    Args:
        photo: see `content`; several make a picture of each.
        layer: the name of the layer.
        power: from 0, which takes the dot product alone and so may add what the image lacks.
    """
    found = find_layer(find_layers(judge), layer, judge.name)
    exponent = check_number("power", power, 0, 100, "0 takes the dot product alone")
    reader, image = make_activation_judge(judge, [found]), check_images(photo, "the photograph")

    def score(output: Activations, images: Tensor) -> Tensor:
        features, aim = _pair(output, found.name)
        likeness = F.cosine_similarity(features, aim, dim=1).clamp(min=_LEAST_COSINE)
        return ((features * aim).mean(dim=1) * likeness**exponent).reshape(len(features), -1).mean(dim=1)

    name = f"{found.name} caricature"
    return make_objective(name, [(reader, score)], references=(image,), images=len(image))


def _pair(output: Activations, layer: str) -> tuple[Tensor, Tensor]:
    """Return the activations of views, and of the same views of an image, both (V, channels, *positions)."""
    if len(output.references) != 1:
        raise ValueError("content is compared view by view, so it can only be asked for in an ascent")
    return output[layer], output.references[0][layer]


def measure_content_distance(features: Tensor, aim: Tensor) -> Tensor:
    """Return |F - C|² / |C|² (V,) of activations F and their target C, both (V, channels, *positions)."""
    difference, size = (part.square().flatten(1).sum(dim=1) for part in (features - aim, aim))
    return difference / size.clamp(min=_EPSILON)
