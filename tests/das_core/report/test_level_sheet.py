from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.sgd import SGD
from das_core.report.level_sheet import draw_level_tiles, estimate_sheet_bytes, render_level_sheets
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from toys import SPEC, climb

TILE, GAP, CAPTION = 48, 4, 18


def tile(sheet: Tensor, row: int, column: int) -> Tensor:
    """A tile of a sheet without its caption."""
    top = GAP + row * (TILE + CAPTION + GAP) + CAPTION
    left = GAP + column * (TILE + GAP)
    return sheet[:, top : top + TILE, left : left + TILE]


def test_levels_add_up_before_the_tanh_from_the_coarsest_to_the_picture() -> None:
    spec = StackSpec(48, 48, 8, levels=(1, 4, 16, 64))
    stack = climb(ImageStack.noise(spec, 2), steps=2, optimizer=SGD(0.5)).stack
    sheets = render_level_sheets(stack, TILE, stretch=False)
    assert sheets.shape == (2, 3, 2 * (TILE + CAPTION + GAP) + GAP, 4 * (TILE + GAP) + GAP)
    for sheet, image in zip(sheets, stack.image(), strict=True):
        torch.testing.assert_close(tile(sheet, 1, 3), image, rtol=0, atol=1e-5)
        torch.testing.assert_close(tile(sheet, 0, 0), tile(sheet, 1, 0))
        assert tile(sheet, 0, 0).flatten(1).std(dim=1).max() < 1e-5
    spec = StackSpec(48, 48, 0, levels=(1, 6, 48), color="rgb")
    sheet = render_level_sheets(ImageStack.noise(spec), TILE, stretch=False)[0]
    raw = [torch.atanh(2 * tile(sheet, row, column) - 1) for row in (0, 1) for column in (0, 1, 2)]
    torch.testing.assert_close(raw[0] + raw[1], raw[4], rtol=0, atol=1e-4)
    torch.testing.assert_close(raw[4] + raw[2], raw[5], rtol=0, atol=1e-4)


def test_faint_levels_are_stretched_and_nothing_stays_grey() -> None:
    faint = ImageStack.noise(StackSpec(48, 48, 8, levels=(1, 4, 64)), amplitude=0.05)
    plain, stretched = (render_level_sheets(faint, TILE, stretch=stretch)[0] for stretch in (False, True))
    assert tile(stretched, 0, 2).std() > 4 * tile(plain, 0, 2).std()
    assert torch.equal(tile(stretched, 1, 2), tile(plain, 1, 2))
    grey = render_level_sheets(ImageStack.gray(StackSpec(32, 32, 8, levels=(1, 48))), TILE)[0]
    assert (tile(grey, 0, 0) - 0.5).abs().max() < 1e-6


def test_many_levels_are_grouped_and_oblong_pictures_stay_so() -> None:
    sheet = render_level_sheets(ImageStack.noise(StackSpec(96, 48, 8, levels=None)), TILE)
    assert sheet.shape == (1, 3, 2 * (TILE // 2 + CAPTION + GAP) + GAP, 5 * (TILE + GAP) + GAP)


def test_captions_are_written_and_on_a_node_larger_and_within_their_tiles() -> None:
    sheet = render_level_sheets(ImageStack.gray(SPEC), TILE)[0]
    assert sheet[:, GAP : GAP + CAPTION, GAP : GAP + TILE].min() < 0.3
    sheet = draw_level_tiles(ImageStack.noise(StackSpec(224, 224, 56)), 160).arrange_for_node()
    height = (sheet.shape[2] - GAP) // 4
    caption = height - 160 - GAP
    # Drawn 270 pixels wide, the line of a caption is nine pixels high at least.
    assert caption * 270 / sheet.shape[3] > 9
    for row in range(4):
        strip = sheet[0, 0, GAP + row * height : GAP + row * height + caption]
        assert strip.min() < 0.3
        for column in range(1, 5):
            assert strip[:, column * (160 + GAP) - 1].min() == 1, "no letter is cut at the end of a tile"


@each_case(
    ("levels", "columns", "blocks"),
    [
        ((1, 2, 64), 3, 1),
        ((1, 2, 3, 4, 64), 5, 1),
        ((1, 2, 3, 4, 5, 64), 3, 2),
        ((1, 2, 3, 4, 5, 6, 64), 4, 2),
        ((1, 2, 3, 4, 8, 16, 64), 4, 2),
        ((*range(1, 10), 64), 5, 2),
    ],
)
def test_sheets_for_a_node_have_five_columns_at_most_and_are_white_where_there_is_no_level(
    levels: tuple[int, ...], columns: int, blocks: int
) -> None:
    spec = StackSpec(48, 48, 8, levels=levels)
    tiles = draw_level_tiles(ImageStack.noise(spec, 2), TILE)
    sheets = tiles.arrange_for_node()
    height = (sheets.shape[2] - GAP) // (2 * blocks)
    caption = height - TILE - GAP
    assert sheets.shape == (2, 3, 2 * blocks * height + GAP, columns * (TILE + GAP) + GAP)
    assert caption >= CAPTION
    # Tile after tile, the same pictures as on the sheet of two rows.
    plain = tiles.arrange()[0]
    for number in range(len(levels)):
        block, column = divmod(number, columns)
        for row in (0, 1):
            top, left = GAP + (2 * block + row) * height + caption, GAP + column * (TILE + GAP)
            assert torch.equal(sheets[0, :, top : top + TILE, left : left + TILE], tile(plain, row, number))
    if len(levels) < columns * blocks:
        assert sheets[0, :, sheets.shape[2] // 2 + GAP :, -TILE:].min() == 1


@each_case("size", [36, 45, 54, 63])
def test_no_tile_of_a_white_picture_is_above_1(size: int) -> None:
    stack = ImageStack.gray(StackSpec(64, 64, 0, levels=(1, 64), color="rgb"))
    white = replace(stack, canvas=torch.full_like(stack.canvas, 20.0))
    assert draw_level_tiles(white, size).sums[-1].max() == 1


@each_case(("side", "tile_side", "batch"), [(96, 160, 1), (224, 160, 2), (224, 48, 1)])
def test_the_estimate_is_within_a_factor_of_two_and_memory_hardly_grows_with_the_levels(
    side: int, tile_side: int, batch: int
) -> None:
    peaks = []
    for step in (1, 8, 30):
        stack = ImageStack.noise(StackSpec(side, side, 16, levels=tuple(range(1, side + 33, step))), batch)
        with PeakBytes() as made:
            tiles = draw_level_tiles(stack, tile_side)
            tiles.arrange_for_node(), tiles.arrange()
        assert made.peak / 2 < estimate_sheet_bytes(stack, tile_side) < 2 * made.peak
        peaks.append(made.peak)
    assert max(peaks) < 2 * min(peaks)


def test_tiles_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="size 31 is too small for a tile; at least 32"):
        render_level_sheets(ImageStack.gray(SPEC), 31)
