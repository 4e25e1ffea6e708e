"""Which layers to look at where nobody says: a rule for every architecture in place of a list of names.

Networks that shrink what they see (EfficientNet, ResNet, VGG, ConvNeXt, Swin) are taken at the end of every resolution,
where VGG's classical layers for style lie too (Gatys et al., 2016). Networks of equal blocks (ViT and its kin, the
image towers of CLIPs among them) are taken at blocks evenly spaced.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from ..judge import Judge
from .layer import Layer, find_layers, format_layers, search_layers

_FINEST_CELLS, _CONTENT_CELLS = 12, 24
"""Cells a side below which a Gram matrix has too few positions, and content too little place."""

_FEWEST_BLOCKS = 3
_STYLE_SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3)
_CONTENT_SHARE = 1 / 2


def choose_style_layers(layers: Sequence[Layer], size: int) -> list[str]:
    """The layers whose statistics make a style, of a model for views of `size` pixels, early ones first."""
    stages, blocks = _find_stages(layers), _find_blocks(layers)
    if len(stages) < _FEWEST_BLOCKS - 1 and len(blocks) >= _FEWEST_BLOCKS:
        return list(dict.fromkeys(blocks[int(share * len(blocks))].name for share in _STYLE_SHARES))
    # In views smaller than those that such networks are made for, everything is smaller.
    wide = [layer for layer in stages if layer.shape[1] >= min(_FINEST_CELLS, size / 20)]
    return [layer.name for layer in wide] or [layers[len(layers) // 2].name]


def choose_content_layer(layers: Sequence[Layer], size: int) -> str:
    """The layer that says what is where."""
    stages, blocks = _find_stages(layers), _find_blocks(layers)
    if len(stages) < _FEWEST_BLOCKS - 1 and len(blocks) >= _FEWEST_BLOCKS:
        return blocks[int(_CONTENT_SHARE * len(blocks))].name
    wide = [layer for layer in stages if layer.shape[1] >= min(_CONTENT_CELLS, size / 10)]
    return wide[-1].name if wide else layers[len(layers) // 2].name


def _find_stages(layers: Sequence[Layer]) -> list[Layer]:
    """The last layer of every resolution, fine to coarse, among those nested least deep there."""
    by_side: dict[int, list[Layer]] = defaultdict(list)
    for layer in layers:
        # Finer than what ran before it is no map of the picture, but one of tokens against tokens.
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
    """The blocks of a transformer: the longest row of layers of tokens of one shape, their names alike but a number."""
    rows: dict[tuple[str, tuple[int, ...]], list[Layer]] = defaultdict(list)
    for layer in layers:
        if len(layer.shape) == 2 and (numbered := re.fullmatch(r"(.*?)\d+", layer.name)):
            rows[numbered[1], layer.shape].append(layer)
    return max(rows.values(), key=len, default=[])


def describe_layers(judge: Judge, search: str = "") -> str:
    """The layers of a judge that match a search, as text, after a head that says which are taken unless others are."""
    layers = find_layers(judge)
    found = search_layers(layers, search)
    style, content = choose_style_layers(layers, judge.size), choose_content_layer(layers, judge.size)
    taken = f"Style takes {', '.join(style)}; content {content}."
    sought = " ".join(search.split())
    count = f"{len(found)} of its {len(layers)} layers match '{sought}'" if sought else f"{len(layers)} layers"
    return "\n".join([f"{judge.name}: {count}. {taken}", "", *([format_layers(found)] if found else [])]).rstrip()
