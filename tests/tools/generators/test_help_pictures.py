"""Rows of captioned tiles, and their JPEG files."""

import io

import numpy as np
from PIL import Image

from cases import each_case
from generators.help_pictures import MAX_BYTES, WIDTH, encode_picture, make_row, read_thumbnail, stack_rows


@each_case(("size", "kept"), [((2 * WIDTH, WIDTH), (WIDTH, WIDTH // 2)), ((200, 100), (200, 100))])
def test_even_noise_is_encoded_small_and_as_wide_as_the_panel_at_most(
    size: tuple[int, int], kept: tuple[int, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = encode_picture(Image.fromarray(noise))
    assert len(data) <= MAX_BYTES
    assert Image.open(io.BytesIO(data)).size == kept


def test_a_row_cuts_tiles_to_squares_and_writes_captions_below() -> None:
    colors = [(255, 0, 0), (0, 0, 255)]
    tiles = [Image.new("RGB", size, color) for size, color in zip([(300, 100), (50, 400)], colors, strict=True)]
    row, plain = (np.asarray(make_row(tiles, captions)) for captions in (["red", "blue"], ["", ""]))
    side = len(plain)
    assert side == (WIDTH - 6) // 2
    assert (plain[:, :side] == colors[0]).all()
    assert (plain[:, -side:] == colors[1]).all()
    assert (row[:side] == plain).all()
    below = row[side:]
    assert below[:, :side].max() > 200
    assert below[:, -side:].max() > 200


def test_rows_stand_below_each_other() -> None:
    rows = [Image.new("RGB", (WIDTH, height), "white") for height in (30, 50)]
    assert stack_rows(rows).size == (WIDTH, 86)


@each_case("cell", [0, 15])
def test_a_cell_of_a_thumbnail_is_cut_out(cell: int) -> None:
    whole = np.asarray(read_thumbnail("timelapse"))
    side = whole.shape[1] // 4
    row, column = divmod(cell, 4)
    expected = whole[row * side : (row + 1) * side, column * side : (column + 1) * side]
    assert (np.asarray(read_thumbnail("timelapse", 4, cell)) == expected).all()
