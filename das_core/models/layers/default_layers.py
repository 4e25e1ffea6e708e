"""The layers that style and content objectives use when the user names none.

In networks whose feature maps shrink (EfficientNet, ResNet, VGG, ConvNeXt, Swin), one layer is taken for each
resolution, as usual for VGG (Gatys et al., CVPR 2016): of the least deeply nested ones, the last. In networks of equal
blocks (vision transformers, such as the image towers of most CLIPs), blocks at some shares of the depth are taken.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from ...common.text import shorten
from ..judge import Judge
from .layer import Layer, find_layers

_MIN_BLOCKS = 3
_PARTS = (0.2, 0.4, 0.6, 0.8)  # Of the depth, where `choose_depths` takes blocks.


def choose_style_layers(layers: Sequence[Layer], size: int) -> list[str]:
    """Return the names of the layers whose statistics describe a style, early layers first; if there are none, of the
    layer in the middle. `size` is the side of the model's views in pixels."""
    # A smaller map than 12 x 12 has too few positions for a Gram matrix.
    return _choose_layers(layers, size, (1 / 6, 1 / 3, 1 / 2, 2 / 3), least_side=12)


def choose_content_layer(layers: Sequence[Layer], size: int) -> str:
    """Return the name of the layer whose activations describe what a picture shows, and where."""
    # A smaller map than 24 x 24 locates things too coarsely.
    return _choose_layers(layers, size, (1 / 2,), least_side=24)[-1]


def choose_depths(layers: Sequence[Layer], size: int) -> list[str]:
    """Return the names of about five layers that are spread over the depth, early layers first: of the longest row of
    numbered blocks, and the last one with positions if its channels are others."""
    rows, spread = defaultdict[str, list[Layer]](list), [one for one in layers if len(one.shape) > 1 and not one.heads]
    for layer in spread:
        if numbered := re.fullmatch(r"(.*?)\d+", layer.name):
            rows[numbered[1]].append(layer)
    lengths = [layers.index(row[-1]) - layers.index(row[0]) if len(row) >= _MIN_BLOCKS else 0 for row in rows.values()]
    row = [*rows.values()][lengths.index(max(lengths))] if lengths else []
    if 2 * max(lengths, default=0) < len(layers):
        return _choose_layers(layers, size, _PARTS, least_side=2)
    last = [one for one in spread if max(one.positions) > 1][-1:]
    ends = last if last and last[0].channels != row[-1].channels else row[-1:]
    return list(dict.fromkeys(one.name for one in [*(row[int(part * len(row))] for part in _PARTS), *ends]))


def _choose_layers(layers: Sequence[Layer], size: int, shares: Sequence[float], least_side: int) -> list[str]:
    """Return the names of the blocks at some shares of the depth, or of one layer of each resolution; see above."""
    stages, rows = _find_stages(layers), defaultdict[tuple[str, tuple[int, ...]], list[Layer]](list)
    for layer in layers:
        if len(layer.shape) == 2 and (numbered := re.fullmatch(r"(.*?)\d+", layer.name)):
            rows[numbered[1], layer.shape].append(layer)
    blocks = max(rows.values(), key=len, default=[])
    # Feature maps of at most one resolution, but three blocks or more: this is a network of equal blocks.
    if len(stages) < _MIN_BLOCKS - 1 and len(blocks) >= _MIN_BLOCKS:
        return list(dict.fromkeys(blocks[int(share * len(blocks))].name for share in shares))
    # A model for views below 240 pixels has smaller feature maps, so the limit is lower for it.
    wide = [layer.name for layer in stages if layer.shape[1] >= min(least_side, size * least_side / 240)]
    return wide or [layers[len(layers) // 2].name]


def _find_stages(layers: Sequence[Layer]) -> list[Layer]:
    """Return one layer for every resolution, fine resolutions first."""
    by_side: dict[int, list[Layer]] = defaultdict(list)
    for layer in layers:
        side = layer.shape[-1]
        # Maps seldom grow from layer to layer: a longer side is usually that of an attention matrix, tokens x tokens.
        if len(layer.shape) == 3 and layer.shape[1] == side > 1 and side <= min(by_side, default=side):
            by_side[side].append(layer)
    return [min(reversed(alike), key=lambda layer: layer.name.count(".")) for alike in by_side.values()]


def describe_layers(judge: Judge, search: str = "") -> str:
    """Return as text the layers that style and content take by default, and a table of those that fit the `search`."""
    layers, words, sought = find_layers(judge), search.casefold().split(), shorten(search)
    style, content = choose_style_layers(layers, judge.size), choose_content_layer(layers, judge.size)
    found = [layer for layer in layers if all(word in f"{layer.name} {layer.kind}".casefold() for word in words)]
    count = f"{len(found)} of its {len(layers)} layers match '{sought}'" if sought else f"{len(layers)} layers"
    rows = [(layer.name, layer.describe(), layer.kind) for layer in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    head = f"{judge.name}: {count}. Style takes {', '.join(style)}; content {content}."
    return "\n".join([head, "", *table]).rstrip()
