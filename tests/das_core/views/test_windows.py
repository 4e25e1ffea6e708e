import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case, refuses
from das_core.common.geometry import Box
from das_core.common.images import fit_square
from das_core.views.draws import Draws, ViewKey
from das_core.views.sampling import Pyramid, crop_and_resize
from das_core.views.windows import MiddleSquare, ViewGeometry, Windows
from toys import make_draws


def test_views_are_the_windows_cut_out_of_a_canvas_or_a_pyramid() -> None:
    pixels, geometry, windows = torch.rand(2, 3, 60, 80), ViewGeometry((60, 80), 10, 12), Windows(5, zoom_min=0.3)
    cut = windows.draw(geometry, make_draws(6, items=2))
    items = [0] * 6 + [1] * 6
    for seen, expected in (
        (pixels, crop_and_resize(pixels, cut, items, 12)),
        (Pyramid(pixels), Pyramid(pixels).crop(cut, items, 12)),
    ):
        assert torch.equal(windows(seen, geometry, make_draws(6, items=2)), expected)


@given(st.tuples(st.integers(16, 200), st.integers(16, 200)), st.integers(0, 60), st.data())
def test_windows_lie_in_the_region(size: tuple[int, int], margin: int, data: st.DataObject) -> None:
    jitter, low = data.draw(st.integers(0, margin)), data.draw(st.floats(0.02, 1))
    windows = Windows(jitter, low, data.draw(st.floats(low, 1)), data.draw(st.floats(0.02, 1)))
    canvas = (size[0] + 2 * margin, size[1] + 2 * margin)
    edge = margin - jitter
    for top, left, side in windows.draw(ViewGeometry(canvas, margin), make_draws(5, data.draw(st.floats(0, 1)))):
        assert side >= 1
        assert edge <= top <= canvas[0] - edge - side
        assert edge <= left <= canvas[1] - edge - side


def test_a_whole_view_is_what_a_classifier_is_tested_with_whatever_the_region_is() -> None:
    for height, width in ((48, 75), (61, 40), (40, 40)):
        pixels = torch.rand(1, 3, height, width)
        geometry = ViewGeometry((height + 16, width + 16), 8, 40, boxes=((9, 9, 20, 20),))
        seen = MiddleSquare(boxed=False)(F.pad(pixels, (8,) * 4), geometry, make_draws(2))
        torch.testing.assert_close(seen, fit_square(pixels, 40, interpolation="bilinear").expand(2, -1, -1, -1))


def test_windows_open_while_the_ascent_is_coarse() -> None:
    windows = Windows(zoom_min=0.4, zoom_start=0.9)

    def smallest(coarse_progress: float) -> int:
        return min(side for _, _, side in windows.draw(ViewGeometry((336, 336), 56), make_draws(300, coarse_progress)))

    assert 302 <= smallest(0.0) < 310
    assert smallest(0.0) > smallest(0.5) > smallest(1.0)
    assert 134 <= smallest(1.0) < 145


def test_views_lie_in_what_windows_may_show_of_the_box_of_their_image() -> None:
    keys = [ViewKey(0, item, 0, view) for item in range(2) for view in range(50)]
    boxed = ((4, 6, 20, 24), (30, 10, 17, 40))
    windows = Windows(8, zoom_start=0.45).draw(ViewGeometry((56, 64), 8, boxes=boxed), Draws(keys, torch.device("cpu")))
    for number, (top, left, side) in enumerate(windows):
        low, start, height, width = boxed[number // 50]
        assert low <= top <= top + side <= low + height
        assert start <= left <= left + side <= start + width
    # The box reaches over the margin on all sides; with a jitter of 2, views may show 2 of its 8 pixels.
    geometry = ViewGeometry((56, 64), 8, boxes=((0, 0, 56, 64),))
    drawn = Windows(2, zoom_min=0.3, zoom_start=0.3).draw(geometry, make_draws(300))
    assert min(top for top, _, _ in drawn) == 6
    assert max(top + side for top, _, side in drawn) == 50
    assert min(left for _, left, _ in drawn) == 6
    assert max(left + side for _, left, side in drawn) == 58


def test_every_position_that_fits_and_every_side_between_the_bounds_is_equally_likely() -> None:
    geometry = ViewGeometry((20, 23), 4)
    drawn = Windows(2, 0.5, 0.5).draw(geometry, make_draws(9000))
    # 16 x 19 pixels may be shown: windows of 8 have 9 x 12 positions.
    assert {side for _, _, side in drawn} == {8}
    counts = torch.zeros(9, 12)
    for top, left, _ in drawn:
        counts[top - 2, left - 2] += 1
    # 83 each, with a standard deviation of 9.
    assert float((counts - 9000 / 108).abs().max()) < 45
    drawn = Windows(0, 0.25, 0.75, 0.25).draw(ViewGeometry((200, 300)), make_draws(2000))
    sides = torch.tensor([side for *_, side in drawn])
    assert (int(sides.min()), int(sides.max())) == (50, 150)
    assert float(sides.double().mean()) == pytest.approx(100, abs=2)
    # That of a uniform distribution.
    assert float(sides.double().std()) == pytest.approx(100 / 12**0.5, abs=1)


@each_case(("zoom_start", "expected"), (0.1, 0.4), (0.6, 0.6), (1.0, 0.8))
def test_a_start_beyond_the_bounds_is_the_nearer_bound(zoom_start: float, expected: float) -> None:
    windows = Windows(0, 0.4, 0.8, zoom_start)
    drawn = windows.draw(ViewGeometry((1000, 1000)), make_draws(400, 0.0))
    sides = [side / 1000 for *_, side in drawn]
    assert (min(sides), max(sides)) == pytest.approx((expected, 0.8), abs=0.002)


def test_windows_of_a_tile_lie_across_its_edges_unless_there_is_a_box() -> None:
    windows = Windows(jitter=56, zoom_min=0.5, zoom_start=0.5)
    free = windows.draw(ViewGeometry((40, 60), tile=True), make_draws(500))
    assert {top for top, _, _ in free} == set(range(40))
    assert {left for _, left, _ in free} == set(range(60))
    boxed = windows.draw(ViewGeometry((40, 60), tile=True, boxes=((10, 20, 30, 40),)), make_draws(500))
    assert all(10 <= top <= 40 - side and 20 <= left <= 60 - side for top, left, side in boxed)


@each_case(
    ("windows", "canvas", "margin", "tile", "expected"),
    (Windows(0), (56, 64), 8, False, (8, 8, 40, 48)),
    (Windows(3), (56, 64), 8, False, (5, 5, 46, 54)),
    (Windows(8), (56, 64), 8, False, (0, 0, 56, 64)),
    (Windows(56), (56, 64), 0, True, (0, 0, 56, 64)),
    (Windows(56, fitted=True), (96, 96), 16, False, (0, 0, 96, 96)),
)
def test_views_reach_as_far_into_the_margin_as_the_jitter_and_fitted_ones_to_its_end(
    windows: Windows, canvas: tuple[int, int], margin: int, tile: bool, expected: Box
) -> None:
    assert windows.reach(canvas, margin, tile=tile) == expected


test_bad_settings_are_named = refuses(
    lambda make: make(),
    (lambda: Windows(jitter=-1), "jitter -1 is not a whole number from 0 up"),
    (lambda: Windows(zoom_min=0.8, zoom_max=0.5), "zoom_min 0.8 is above zoom_max 0.5"),
    (lambda: Windows(zoom_max=1.5), "zoom_max 1.5"),
    (lambda: Windows(zoom_min=0), "zoom_min 0"),
    (lambda: Windows(zoom_start=1.1), "zoom_start 1.1 is not above 0 and at most 1"),
    (lambda: Windows(zoom_min=float("nan")), "zoom_min nan is not above 0"),
    (lambda: Windows(9).draw(ViewGeometry((56, 64), 8), make_draws(1)), "jitter 9 reaches past .* of 8 .* to 9"),
)
