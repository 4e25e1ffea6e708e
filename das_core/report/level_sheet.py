"""The levels of a stack drawn as a sheet of tiles: each level alone, and the sum of all levels up to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from torchvision.utils import make_grid

from ..common.images import map_images
from ..common.interruption import pausing
from ..stack.bands import format_band, group_into_octaves
from ..stack.decomposition import estimate_sum_bytes, sum_groups
from ..stack.image_stack import ImageStack
from ..stack.pixels import crop_margin, render_pixels

SMALLEST_TILE = 32
"""The smallest allowed value of the long side of a tile, in pixels; the captions need that much room."""

_MAX_COLUMNS = 10
_GAP = 4
_CAPTION_HEIGHT, _FONT_SIZE = 18, 13

# For a node, the font size of captions is at most 0.17 of the width of a tile (or `_FONT_SIZE`, if that is larger). A
# node of ComfyUI is about 270 pixels wide, so five tiles side by side are 54 pixels wide each, and their captions are
# about 9 pixels high.
_NODE_COLUMNS, _NODE_FONT_SHARE = 5, 0.17

# A level is stretched so that 98 % of its values, before the tanh, are at most 1.0 away from 0, which is grey.
_STRETCHED_TO, _STRETCHED_SHARE = 1.0, 0.98

# A bound on the stretch, so that rounding errors are not shown at full contrast.
_MAX_STRETCH = 50.0


@dataclass(frozen=True, eq=False)
class LevelTiles:
    """Tiles (small pictures) of N groups of levels: each alone, and the sums up to it, (N, B, 3, h, w), 0..1.

    The captions are N texts for every image of the batch, and N texts for the sums.
    """

    alone: Tensor
    sums: Tensor
    alone_captions: Sequence[Sequence[str]]
    sum_captions: Sequence[str]

    def arrange(self) -> Tensor:
        """Return sheets (B, 3, H, W), 0..1: the levels alone in the upper row, and below each the sum up to it."""
        return self._draw(len(self.alone), _CAPTION_HEIGHT, _FONT_SIZE)

    def arrange_for_node(self) -> Tensor:
        """Return sheets of at most five columns, with captions as large as the tiles allow, for the width of a node."""
        rows = math.ceil(len(self.alone) / _NODE_COLUMNS)
        width = self.alone.shape[-1]
        captions = [*self.sum_captions, *(text for texts in self.alone_captions for text in texts)]
        largest = max(_FONT_SIZE, round(_NODE_FONT_SHARE * width))
        sizes = range(_FONT_SIZE, largest + 1)
        fitting = [size for size in sizes if max(map(_load_font(size).getlength, captions)) <= width - 4]
        size = max(fitting, default=_FONT_SIZE)
        return self._draw(math.ceil(len(self.alone) / rows), round(size * _CAPTION_HEIGHT / _FONT_SIZE), size)

    def _draw(self, columns: int, caption_height: int, font_size: int) -> Tensor:
        """Return a sheet for each image, (B, 3, H, W), with `columns` tiles in each row."""
        sheets = []
        for item, captions in pausing(enumerate(self.alone_captions)):
            rows = [(self.alone[:, item], captions), (self.sums[:, item], self.sum_captions)]
            tiles = []
            for start in range(0, len(self.alone), columns):
                for pictures, texts in rows:
                    part = slice(start, start + columns)
                    tiles += _add_captions(pictures[part], texts[part], caption_height, font_size)
                    # The last rows may be shorter: white tiles fill them up.
                    tiles += [torch.ones_like(tiles[0])] * (columns - len(texts[part]))
            sheets.append(make_grid(tiles, nrow=columns, padding=_GAP, pad_value=1.0))
        return torch.stack(sheets)


def estimate_sheet_bytes(stack: ImageStack, tile: int) -> int:
    """Return about how many bytes drawing the levels of a stack takes."""
    tiles = len(group_into_octaves(stack.spec.levels, _MAX_COLUMNS))
    # 2 rows of tiles, 5 copies of each tile, 4 bytes per value, 3 channels. The copies are the single tile, the tile in
    # the tensor of all tiles, the tile with its caption, and the tile in each of two arrangements (sheet and node).
    return estimate_sum_bytes(stack) + 2 * 5 * 4 * 3 * stack.batch * tiles * (tile + _CAPTION_HEIGHT) * tile


def draw_level_tiles(stack: ImageStack, tile: int = 160, *, stretch: bool = True) -> LevelTiles:
    """Draw the levels of a stack as tiles, see `render_level_sheets`."""
    if tile < SMALLEST_TILE:
        raise ValueError(
            f"size {tile} is too small for a tile; at least {SMALLEST_TILE} pixels are needed, 160 is good"
        )
    levels = stack.spec.levels
    groups = group_into_octaves(levels, _MAX_COLUMNS)
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
    return LevelTiles(torch.stack(alone), torch.stack(sums), captions, [f"up to {high}" for _, high in bands])


def render_level_sheets(stack: ImageStack, tile: int = 160, *, stretch: bool = True) -> Tensor:
    """Draw a sheet for every image of a stack, (B, 3, H, W), 0..1, on the CPU: its levels as small pictures (tiles).

    The upper row shows each level alone; grey means zero. The lower row shows the sum of all levels up to that level.
    More than ten levels are grouped into octaves, with a tile for each octave.

    Args:
        stack: the stack.
        tile: the long side of a tile in pixels, at least 32.
        stretch: whether each level in the upper row is scaled to fill the range of brightness.

    Raises:
        ValueError: when `tile` is below 32.
    """
    return draw_level_tiles(stack, tile, stretch=stretch).arrange()


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


def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font of captions."""
    return ImageFont.load_default(size)


def _add_captions(tiles: Tensor, captions: Sequence[str], height: int, font_size: int) -> list[Tensor]:
    """Return a list of the pictures (N, 3, h, w), each with its text in a strip of `height` pixels above it."""
    font = _load_font(font_size)
    captioned = []
    for tile, text in pausing(zip(tiles, captions, strict=True)):
        strip = Image.new("RGB", (tile.shape[2], height), "white")
        ImageDraw.Draw(strip).text((2, 1), text, "black", font)
        captioned.append(torch.cat([to_tensor(strip), tile], dim=1))
    return captioned
