"""The layers that style and content objectives use when the user names none.

In networks whose feature maps shrink (EfficientNet, ResNet, VGG, ConvNeXt, Swin), one layer is taken for each
resolution: of the least deeply nested ones, the last. Style uses those of at least 12 x 12, content the one with the
smallest resolution of at least 24 x 24. The usual style layers of VGG are also one per resolution (Gatys et al., CVPR
2016). In networks of equal blocks (vision transformers, such as the image towers of most CLIPs), style uses the blocks
at 1/6, 1/3, 1/2 and 2/3 of the depth, and content the block at 1/2.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from ...common.text import shorten
from ..judge import Judge
from .layer import Layer, find_layers, format_layers, search_layers

_MIN_STYLE_SIDE, _MIN_CONTENT_SIDE = 12, 24
"""Feature maps with shorter sides than this are not chosen: the first limit is for style, the second for content.

A smaller map has too few positions for a Gram matrix (style), or locates things too coarsely (content). For views whose
side is below 240 pixels, the limits are smaller: 1/20 of that side for style, 1/10 for content.
"""

_MIN_BLOCKS = 3
_STYLE_SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3)
_CONTENT_SHARE = 1 / 2


def choose_style_layers(layers: Sequence[Layer], size: int) -> list[str]:
    """Return the names of the layers whose statistics describe a style, early layers first; if there are none, of the
    layer in the middle. `size` is the side of the model's views in pixels.
    """
    stages, blocks = _find_stages(layers), _find_blocks(layers)
    # Feature maps of at most one resolution, but three blocks or more: this is a network of equal blocks.
    if len(stages) < _MIN_BLOCKS - 1 and len(blocks) >= _MIN_BLOCKS:
        return list(dict.fromkeys(blocks[int(share * len(blocks))].name for share in _STYLE_SHARES))
    # A model for small views has small feature maps, so the limit is lower for it.
    wide = [layer for layer in stages if layer.shape[1] >= min(_MIN_STYLE_SIDE, size / 20)]
    return [layer.name for layer in wide] or [layers[len(layers) // 2].name]


def choose_content_layer(layers: Sequence[Layer], size: int) -> str:
    """Return the name of the layer whose activations describe what a picture shows, and where."""
    stages, blocks = _find_stages(layers), _find_blocks(layers)
    if len(stages) < _MIN_BLOCKS - 1 and len(blocks) >= _MIN_BLOCKS:
        return blocks[int(_CONTENT_SHARE * len(blocks))].name
    wide = [layer for layer in stages if layer.shape[1] >= min(_MIN_CONTENT_SIDE, size / 10)]
    return wide[-1].name if wide else layers[len(layers) // 2].name


def _find_stages(layers: Sequence[Layer]) -> list[Layer]:
    """Return one layer for every resolution, fine resolutions first."""
    by_side: dict[int, list[Layer]] = defaultdict(list)
    for layer in layers:
        # In most networks feature maps do not grow from layer to layer. So a map with a longer side than an earlier map
        # is left out: usually it is an attention matrix, tokens x tokens.
        if (
            len(layer.shape) == 3
            and layer.shape[1] == layer.shape[2] > 1
            and layer.shape[1] <= min(by_side, default=layer.shape[1])
        ):
            by_side[layer.shape[1]].append(layer)
    stages = []
    for side in sorted(by_side, reverse=True):
        depth = min(layer.name.count(".") for layer in by_side[side])
        stages.append([layer for layer in by_side[side] if layer.name.count(".") == depth][-1])
    return stages


def _find_blocks(layers: Sequence[Layer]) -> list[Layer]:
    """Return the blocks of a transformer."""
    rows: dict[tuple[str, tuple[int, ...]], list[Layer]] = defaultdict(list)
    for layer in layers:
        if len(layer.shape) == 2 and (numbered := re.fullmatch(r"(.*?)\d+", layer.name)):
            rows[numbered[1], layer.shape].append(layer)
    return max(rows.values(), key=len, default=[])


def describe_layers(judge: Judge, search: str = "") -> str:
    """Return a text: a line with the layers that style and content take by default, then a table of the layers for
    which each word of `search` is in the name or in the kind.
    """
    layers = find_layers(judge)
    found = search_layers(layers, search)
    style, content = choose_style_layers(layers, judge.size), choose_content_layer(layers, judge.size)
    defaults = f"Style takes {', '.join(style)}; content {content}."
    sought = shorten(search)
    count = f"{len(found)} of its {len(layers)} layers match '{sought}'" if sought else f"{len(layers)} layers"
    return "\n".join([f"{judge.name}: {count}. {defaults}", "", *([format_layers(found)] if found else [])]).rstrip()
