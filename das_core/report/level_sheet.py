"""The levels of a stack drawn as a sheet of tiles: each level alone, and the sum of all levels up to it."""

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
"""The least size of a tile, in pixels; the captions need that much room."""

_MAX_COLUMNS = 10
_GAP = 4
_CAPTION_HEIGHT, _FONT_SIZE = 18, 13

# A stretched level has this share of its values within this distance from grey, before the tanh.
_STRETCHED_TO, _STRETCHED_SHARE = 1.0, 0.98

# A bound on the stretch, so that rounding errors are not shown at full contrast.
_MAX_STRETCH = 50.0


def render_level_sheets(stack: ImageStack, tile: int = 160, *, stretch: bool = True) -> Tensor:
    """Draw a sheet of tiles for every image of a stack.

    The upper row shows each level alone, where grey means zero; the lower row shows the sum of all levels up to it.
    More than ten levels are grouped into octaves, with a tile for each octave.

    Args:
        stack: the stack.
        tile: the long side of a tile in pixels, at least 32.
        stretch: whether levels in the upper row are scaled to fill the range of brightness. The factor is written above
            them.

    Returns:
        The sheets (B, 3, H, W), 0..1, on the CPU.

    Raises:
        ValueError: when the tiles are too small.

    Example:
        >>> from das_core import ImageStack, StackSpec, render_level_sheets
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)))
        >>> render_level_sheets(stack, tile=64).shape  # Two rows of three tiles, with captions and gaps.
        torch.Size([1, 3, 176, 208])
    """
    if tile < SMALLEST_TILE:
        raise ValueError(
            f"size {tile} is too small for a tile; at least {SMALLEST_TILE} pixels are needed, 160 is good"
        )
    parts, levels = decompose(stack), stack.spec.resolutions
    groups = group_into_octaves(levels, _MAX_COLUMNS)
    bands = [(levels[group[0]], levels[group[-1]]) for group in groups]
    summed = torch.zeros_like(stack.canvas)
    alone, sums, factors = [], [], []
    for group in groups:
        canvas = parts.sum_levels(group)
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
    """Return the factor (B,) by which to scale each image of a canvas (B, 3, H, W) to fill the range of brightness."""
    values = canvas.flatten(1).abs()
    size = values.kthvalue(max(1, round(values.shape[1] * _STRETCHED_SHARE)), dim=1).values
    # A canvas of zeros gets the factor 1, so that no factor is written above its tile.
    return torch.where(size > 0, (_STRETCHED_TO / size.clamp(min=1e-9)).clamp(max=_MAX_STRETCH), 1.0).cpu()


def _render_tiles(canvas: Tensor, stack: ImageStack, side: int) -> Tensor:
    """Return a canvas as pictures (B, 3, h, w), 0..1, whose long side is `side` pixels."""
    picture = crop_margin(render_pixels(canvas, stack.spec.color), stack.spec.margin).cpu()
    scale = side / max(picture.shape[2:])
    size = [max(1, round(length * scale)) for length in picture.shape[2:]]
    return F.interpolate(picture, size=size, mode="bilinear", antialias=True)


def _add_captions(tiles: Sequence[Tensor], captions: Sequence[str]) -> list[Tensor]:
    """Return pictures (3, h, w) with a line of text above each."""
    font = ImageFont.load_default(_FONT_SIZE)
    captioned = []
    for tile, text in zip(tiles, captions, strict=True):
        strip = Image.new("RGB", (tile.shape[2], _CAPTION_HEIGHT), "white")
        ImageDraw.Draw(strip).text((2, 1), text, "black", font)
        captioned.append(torch.cat([to_tensor(strip), tile], dim=1))
    return captioned
