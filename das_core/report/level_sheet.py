"""The levels of a stack as a sheet: each alone, and summed up to each."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from torchvision.utils import make_grid

from ..stack.bands import format_band, group_into_octaves
from ..stack.decomposition import decompose
from ..stack.image_stack import ImageStack, crop_margin, render_pixels

SMALLEST_TILE = 32
_MOST_COLUMNS = 10
_GAP = 4
_CAPTION_HEIGHT, _FONT_SIZE = 18, 13

# A stretched level reaches this far from grey before the tanh, all but the last few of its values.
_STRETCHED_TO, _STRETCHED_SHARE = 1.0, 0.98

# What is next to nothing is not blown up to full contrast.
_STRONGEST_STRETCH = 50.0


def render_level_sheets(stack: ImageStack, tile: int = 160, *, stretch: bool = True) -> Tensor:
    """A sheet (B, 3, H, W), 0..1, for every image: the upper row shows the levels alone, the lower one the sum so far.

    More than ten levels are grouped into octaves. A tile is `tile` pixels on its long side. Alone, grey is nothing;
    with `stretch` faint levels are shown stronger, by the factor that is written over them.
    """
    if tile < SMALLEST_TILE:
        raise ValueError(
            f"size {tile} is too small for a tile; at least {SMALLEST_TILE} pixels are needed, 160 is good"
        )
    whole, levels = decompose(stack), stack.spec.resolutions
    groups = group_into_octaves(levels, _MOST_COLUMNS)
    bands = [(levels[group[0]], levels[group[-1]]) for group in groups]
    summed = torch.zeros_like(stack.canvas)
    alone, sums, factors = [], [], []
    for group in groups:
        canvas = whole.sum_levels(group)
        summed = summed + canvas
        factor = _choose_stretch(canvas) if stretch else torch.ones(stack.batch)
        factors.append(factor.tolist())
        alone.append(_render_tiles(canvas * factor.to(canvas)[:, None, None, None], stack, tile))
        sums.append(_render_tiles(summed, stack, tile))
    sheets = []
    for item in range(stack.batch):
        stretched = [f"  x {factor[item]:.2g}" if abs(factor[item] - 1) > 0.1 else "" for factor in factors]
        upper = [format_band(band) + note for band, note in zip(bands, stretched, strict=True)]
        lower = [f"up to {high}" for _, high in bands]
        tiles = [tile[item] for tile in (*alone, *sums)]
        sheets.append(make_grid(_add_captions(tiles, upper + lower), nrow=len(groups), padding=_GAP, pad_value=1.0))
    return torch.stack(sheets)


def _choose_stretch(canvas: Tensor) -> Tensor:
    """By how much to scale every image of a canvas (B, 3, H, W) so that it can be seen: (B,)."""
    values = canvas.flatten(1).abs()
    size = values.kthvalue(max(1, round(values.shape[1] * _STRETCHED_SHARE)), dim=1).values
    # Nothing at all stays nothing, and is not said to be stretched.
    return torch.where(size > 0, (_STRETCHED_TO / size.clamp(min=1e-9)).clamp(max=_STRONGEST_STRETCH), 1.0).cpu()


def _render_tiles(canvas: Tensor, stack: ImageStack, side: int) -> Tensor:
    """A canvas as pictures (B, 3, h, w), 0..1, of `side` pixels on their long side."""
    picture = crop_margin(render_pixels(canvas, stack.spec.color), stack.spec.margin).cpu()
    scale = side / max(picture.shape[2:])
    size = [max(1, round(length * scale)) for length in picture.shape[2:]]
    return F.interpolate(picture, size=size, mode="bilinear", antialias=True)


def _add_captions(tiles: Sequence[Tensor], captions: Sequence[str]) -> list[Tensor]:
    """Pictures (3, h, w) with a line of text above each."""
    font = ImageFont.load_default(_FONT_SIZE)
    made = []
    for tile, text in zip(tiles, captions, strict=True):
        strip = Image.new("RGB", (tile.shape[2], _CAPTION_HEIGHT), "white")
        ImageDraw.Draw(strip).text((2, 1), text, "black", font)
        made.append(torch.cat([to_tensor(strip), tile], dim=1))
    return made
