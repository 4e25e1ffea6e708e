from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.sgd import SGD
from das_core.report.level_sheet import estimate_sheet_bytes, render_level_sheets
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from toys import climb

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
        assert sheet[:, GAP : GAP + CAPTION, GAP : GAP + TILE].min() < 0.3, "a caption"
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


@each_case(
    ("levels", "columns", "blocks"),
    ((1, 2, 3, 4, 112), 5, 1),
    ((1, 2, 3, 4, 5, 112), 3, 2),
    ((1, 2, 3, 4, 8, 16, 112), 4, 2),
    (None, 5, 1),
)
def test_sheets_have_five_columns_at_most_and_are_white_where_there_is_no_level(
    levels: tuple[int, ...] | None, columns: int, blocks: int
) -> None:
    # All levels of a canvas are grouped into octaves, and an oblong picture stays so.
    stack = ImageStack.noise(StackSpec(96, 48, 8, levels=levels) if levels else StackSpec(96, 48, 8))
    sheet = render_level_sheets(stack, TILE, stretch=False)
    height = TILE // 2 + CAPTION + GAP
    assert sheet.shape == (1, 3, 2 * blocks * height + GAP, columns * (TILE + GAP) + GAP)
    last = sheet[0, :, -TILE // 2 - GAP : -GAP, GAP + (len(levels or range(5)) - 1) % columns * (TILE + GAP) :]
    expected = torch.nn.functional.interpolate(stack.image(), (TILE // 2, TILE), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(last[..., :TILE], expected, rtol=0, atol=1e-5)
    if levels and len(levels) < columns * blocks:
        assert sheet[0, :, 2 * height + GAP :, -TILE:].min() == 1


def test_captions_of_large_tiles_can_be_read_on_a_node_and_are_within_their_tiles() -> None:
    sheet = render_level_sheets(ImageStack.noise(StackSpec(224, 224, 56)), 160)[0]
    height = (sheet.shape[1] - GAP) // 4
    caption = height - 160 - GAP
    # Drawn 270 pixels wide, the line of a caption is nine pixels high at least.
    assert caption * 270 / sheet.shape[2] > 9
    for row in range(4):
        strip = sheet[0, GAP + row * height : GAP + row * height + caption]
        assert strip.min() < 0.3
        for column in range(1, 5):
            assert strip[:, column * (160 + GAP) - 1].min() == 1, "no letter is cut at the end of a tile"


@each_case("size", 36, 45, 63)
def test_no_tile_of_a_white_picture_is_above_1(size: int) -> None:
    stack = ImageStack.gray(StackSpec(64, 64, 0, levels=(1, 64), color="rgb"))
    white = replace(stack, canvas=torch.full_like(stack.canvas, 20.0))
    assert render_level_sheets(white, size).max() == 1


@each_case(("side", "tile_side", "batch"), (96, 160, 1), (160, 96, 2), (128, 48, 1))
def test_the_estimate_is_within_a_factor_of_two_and_memory_hardly_grows_with_the_levels(
    side: int, tile_side: int, batch: int
) -> None:
    peaks = []
    for step in (1, 30):
        stack = ImageStack.noise(StackSpec(side, side, 16, levels=tuple(range(1, side + 33, step))), batch)
        with PeakBytes() as made:
            render_level_sheets(stack, tile_side)
        assert made.peak / 2 < estimate_sheet_bytes(stack, tile_side) < 2 * made.peak
        peaks.append(made.peak)
    assert max(peaks) < 2 * min(peaks)


def test_tiles_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="size 31 is too small for a tile; at least 32"):
        render_level_sheets(ImageStack.gray(StackSpec(32, 32, 8)), 31)
