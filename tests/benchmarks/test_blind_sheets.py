"""Sheets of a blind test, read back by the colours of their pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.blind_sheets import CELL, LONGEST, OUTER, PER_SHEET
from benchmarks.blind_trials import draw_naming, draw_pairs
from blind_pictures import fill, find_boxes
from cases import each_case


@each_case(("kind", "sheets"), [("pairs", 5), ("naming", 3)])
def test_what_does_not_fit_goes_on_further_sheets(tmp_path: Path, kind: str, sheets: int) -> None:
    names = [f"thing_{number:02d}" for number in range(45)]
    a, b = fill(tmp_path / "a", names), fill(tmp_path / "b", names, 1)
    drawn = draw_pairs(a, b, tmp_path / "out") if kind == "pairs" else draw_naming(a, tmp_path / "out", count=45)
    assert [sheet.name for sheet in drawn] == [f"sheet_{number}.png" for number in range(1, sheets + 1)]
    where = [sheet for sheet, _ in find_boxes(drawn, 45)]
    assert max(where.count(number) for number in range(sheets)) <= PER_SHEET
    assert max(side for sheet in drawn for side in Image.open(sheet).size) <= LONGEST


def test_pictures_are_fitted_into_their_cells_by_their_aspect_or_shown_pixel_by_pixel(tmp_path: Path) -> None:
    fill(tmp_path / "a", ["wide"], size=(448, 112))
    fill(tmp_path / "b", ["wide"], 1, size=(50, 100))
    (sheet,) = draw_pairs(tmp_path / "a", tmp_path / "b", tmp_path / "small")
    (_, ours), (_, theirs) = find_boxes([sheet], 1)[0], find_boxes([sheet], 1, 1)[0]
    assert (ours[2] - ours[0], ours[3] - ours[1]) == (CELL, CELL // 4)
    assert (theirs[2] - theirs[0], theirs[3] - theirs[1]) == (CELL // 2, CELL)
    # Both in the middle of their cells, which are side by side.
    assert ours[1] + ours[3] == theirs[1] + theirs[3]
    (sheet,) = draw_pairs(tmp_path / "a", tmp_path / "b", tmp_path / "large", cell=400)
    (_, ours) = find_boxes([sheet], 1)[0]
    assert (ours[2] - ours[0], ours[3] - ours[1]) == (400, 100)
    (tmp_path / "exact").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (CELL, CELL, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "exact" / "noise.png")
    (sheet,) = draw_naming(tmp_path / "exact", tmp_path / "out")
    shown = np.asarray(Image.open(sheet))
    assert np.array_equal(shown[-OUTER - CELL : -OUTER, OUTER:-OUTER], pixels)


def test_numbers_are_large_and_a_long_caption_is_broken_into_lines_that_stay_above_its_pair(tmp_path: Path) -> None:
    heights = []
    for name in ("short", "a_very_long_thing_to_ask_for_" * 6):
        a, b = fill(tmp_path / name[:6] / "a", [name]), fill(tmp_path / name[:6] / "b", [name], 1)
        (sheet,) = draw_pairs(a, b, tmp_path / name[:6] / "out")
        pixels = np.asarray(Image.open(sheet))
        heights.append(pixels.shape[0])
        assert pixels.shape[1] == 2 * OUTER + 2 * CELL + 4
        assert (pixels[:, -OUTER:] == 255).all()
        # The caption is above the pictures, and does not run into them.
        (_, box) = find_boxes([sheet], 1)[0]
        assert box[3] - box[1] == CELL
        assert (pixels[: box[1]] < 128).any()
    assert heights[1] > heights[0] + 50
    (sheet,) = draw_naming(fill(tmp_path / "a", ["thing"]), tmp_path / "out")
    pixels = np.asarray(Image.open(sheet))
    ink = np.nonzero((pixels < 128).all(axis=2).any(axis=1))[0]
    assert ink.max() - ink.min() + 1 >= 19
