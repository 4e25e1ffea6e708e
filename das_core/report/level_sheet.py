"""The levels of a stack drawn as a sheet of tiles: each level alone, and the sum of all levels up to it."""

import math
from itertools import chain

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from torchvision.utils import make_grid

from ..common.images import map_images
from ..common.interruption import allow_interrupt
from ..stack.bands import format_band, group_into_octaves
from ..stack.decomposition import estimate_decomposition_bytes, sum_groups
from ..stack.image_stack import ImageStack
from ..stack.pixels import crop_margin, render_pixels

SMALLEST_TILE = 32  # The smallest long side of a tile, in pixels; the captions need that much room.

_MAX_GROUPS = 10
_GAP = 4

# A node of ComfyUI is about 270 pixels wide. Five tiles side by side are then 54 pixels wide each, and captions whose
# font size is 0.17 of the width of a tile are about 9 pixels high.
_MAX_COLUMNS, _FONT_SHARE, _FONT_SIZE = 5, 0.17, 13
_CAPTION = 18  # The height of a caption of `_FONT_SIZE`.

# A level is stretched so that 98 % of its values, before the tanh, are at most 1.0 away from 0, which is grey. The
# factor is bounded, so that rounding errors are not shown at full contrast.
_STRETCHED_TO, _STRETCHED_SHARE, _MAX_STRETCH = 1.0, 0.98, 50.0


def estimate_sheet_bytes(stack: ImageStack, tile: int) -> int:
    """Return about how many bytes drawing the levels of a stack takes."""
    tiles = len(group_into_octaves(stack.spec.levels, _MAX_GROUPS))
    # 2 rows of tiles, 4 copies of each (alone, with its caption, on its sheet, among all), of 4 bytes and 3 channels.
    return estimate_decomposition_bytes(stack) + 2 * 4 * 4 * 3 * stack.batch * tiles * (tile + _CAPTION) * tile


def render_level_sheets(stack: ImageStack, tile: int = 160, *, stretch: bool = True) -> Tensor:
    """Draw a sheet for every image of a stack, (B, 3, H, W), 0..1, on the CPU: its levels as small pictures (tiles).

    The upper row shows each level alone; grey means zero. The lower row shows the sum of all levels up to that level.
    More than five tiles continue below, in further pairs of rows; more than ten levels are grouped into octaves.

    Args:
        stack: the stack.
        tile: the long side of a tile in pixels, at least 32.
        stretch: whether each level alone is scaled to fill the range of brightness; its caption has the factor.
    """
    if tile < SMALLEST_TILE:
        raise ValueError(
            f"size {tile} is too small for a tile; at least {SMALLEST_TILE} pixels are needed, 160 is good"
        )
    levels = stack.spec.levels
    groups = group_into_octaves(levels, _MAX_GROUPS)
    bands = [(levels[group[0]], levels[group[-1]]) for group in groups]
    summed = torch.zeros_like(stack.canvas)
    alone, sums, factors = [], [], []
    for canvas in sum_groups(stack, groups):
        summed = summed + canvas
        factor = _choose_stretch(canvas) if stretch else torch.ones(stack.batch, dtype=torch.float32)
        factors.append(factor.tolist())
        alone.append(_render_tiles(canvas * factor.to(canvas)[:, None, None, None], stack, tile))
        sums.append(_render_tiles(summed, stack, tile))
    captions = [
        [
            format_band(band) + (f"  x {factor[item]:.2g}" if abs(factor[item] - 1) > 0.1 else "")
            for band, factor in zip(bands, factors, strict=True)
        ]
        for item in range(stack.batch)
    ]
    sum_captions = [f"up to {high}" for _, high in bands]
    # The largest font size, up to a share of the width of a tile, at which all captions fit over a tile.
    width, texts = sums[0].shape[-1], [*sum_captions, *chain(*captions)]
    sizes = range(_FONT_SIZE, max(_FONT_SIZE, round(_FONT_SHARE * width)) + 1)
    fitting = [size for size in sizes if max(map(ImageFont.load_default(size).getlength, texts)) <= width - 4]
    size = max(fitting, default=_FONT_SIZE)
    columns = math.ceil(len(bands) / math.ceil(len(bands) / _MAX_COLUMNS))
    sheets = []
    for item in range(stack.batch):
        tiles: list[Tensor] = []
        for start in range(0, len(bands), columns):
            for pictures, names in ((alone, captions[item]), (sums, sum_captions)):
                row = list(zip(pictures, names, strict=True))[start : start + columns]
                tiles += [_add_caption(picture[item], text, size) for picture, text in row]
                # The last rows may be shorter: white tiles fill them up.
                tiles += [torch.ones_like(tiles[0])] * (columns - len(row))
        sheets.append(make_grid(tiles, nrow=columns, padding=_GAP, pad_value=1.0))
    return torch.stack(sheets)


def _choose_stretch(canvas: Tensor) -> Tensor:
    """Return for each image of a canvas (B, 3, H, W) the factor that makes it fill the range of brightness, (B,)."""
    values = canvas.flatten(1).abs()
    place = max(1, round(values.shape[1] * _STRETCHED_SHARE))
    size = map_images(lambda part: part.kthvalue(place, dim=1).values, values)
    # A canvas of zeros gets the factor 1, so that no factor is written above its tile.
    return torch.where(size > 0, (_STRETCHED_TO / size.clamp(min=1e-9)).clamp(max=_MAX_STRETCH), 1.0).cpu()


def _render_tiles(canvas: Tensor, stack: ImageStack, side: int) -> Tensor:
    """Return the pictures of a canvas, without its margin, (B, 3, h, w), 0..1, on the CPU."""
    picture = crop_margin(render_pixels(canvas, stack.spec.color), stack.spec.margin).cpu()
    scale = side / max(picture.shape[2:])
    size = [max(1, round(length * scale)) for length in picture.shape[2:]]
    # Clamped, because rounding errors can make a weighted average slightly larger than 1.
    return map_images(
        lambda part: F.interpolate(part, size=size, mode="bilinear", antialias=True).clamp_(0, 1), picture
    )


def _add_caption(picture: Tensor, text: str, size: int) -> Tensor:
    allow_interrupt()
    strip = Image.new("RGB", (picture.shape[2], round(size * _CAPTION / _FONT_SIZE)), "white")
    ImageDraw.Draw(strip).text((2, 1), text, "black", ImageFont.load_default(size))
    return torch.cat([to_tensor(strip), picture], dim=1)
