import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.geometry import Box
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.windows import Windows
from toys import make_draws


@each_case(("height", "width", "jitter", "margin", "size", "count"), [(60, 80, 5, 10, 32, 6), (40, 40, 8, 8, 24, 4)])
def test_views_are_the_windows_resized_by_torch_and_their_gradient_is_that_of_autograd(
    height: int, width: int, jitter: int, margin: int, size: int, count: int
) -> None:
    pixels = torch.rand(2, 3, height, width)
    weights = torch.randn(2 * count, 3, size, size)
    windows = Windows(jitter=jitter, zoom_min=0.3)
    cut = windows.draw(ViewGeometry((height, width), margin), make_draws(count, items=2))
    naive, views = pixels.clone().requires_grad_(), []
    for item, (top, left, side) in zip([0] * count + [1] * count, cut, strict=True):
        window = naive[item : item + 1, :, top : top + side, left : left + side]
        views.append(F.interpolate(window, size=size, mode="bilinear", antialias=True))
    (torch.cat(views) * weights).sum().backward()
    leaf = pixels.clone().requires_grad_()
    for seen in (pixels, leaf):
        ours = windows(seen, ViewGeometry((height, width), margin, size), make_draws(count, items=2))
        torch.testing.assert_close(ours, torch.cat(views), rtol=0, atol=1e-5)
    (ours * weights).sum().backward()
    assert leaf.grad is not None
    assert naive.grad is not None
    torch.testing.assert_close(leaf.grad, naive.grad, rtol=1e-4, atol=1e-5)


def test_the_references_roll_and_centre_crop_is_one_setting() -> None:
    """Zoom 2/3 with jitter 56 on 224 + 2 * 56 pixels: windows of 224 pixels, unresized, offset by up to 56."""
    pixels = torch.rand(1, 3, 336, 336)
    windows = Windows(jitter=56, zoom_min=2 / 3, zoom_max=2 / 3)
    cut = windows.draw(ViewGeometry((336, 336), 56), make_draws(200))
    assert {side for _, _, side in cut} == {224}
    assert min(top for top, _, _ in cut) == 0
    assert max(left for _, left, _ in cut) == 112
    for view, (top, left, _) in zip(windows(pixels, ViewGeometry((336, 336), 56), make_draws(4)), cut, strict=False):
        rolled = torch.roll(pixels, (56 - top, 56 - left), dims=(2, 3))[0, :, 56:280, 56:280]
        assert torch.equal(view, rolled)


@given(
    st.tuples(st.integers(16, 200), st.integers(16, 200)),
    st.integers(0, 60),
    st.data(),
)
def test_windows_lie_in_the_region(size: tuple[int, int], margin: int, data: st.DataObject) -> None:
    jitter = data.draw(st.integers(0, margin))
    low = data.draw(st.floats(0.02, 1))
    high = data.draw(st.floats(low, 1))
    start = data.draw(st.floats(0.02, 1))
    windows = Windows(jitter, low, high, start)
    canvas = (size[0] + 2 * margin, size[1] + 2 * margin)
    edge = margin - jitter
    for top, left, side in windows.draw(ViewGeometry(canvas, margin), make_draws(5, data.draw(st.floats(0, 1)))):
        assert side >= 1
        assert edge <= top <= canvas[0] - edge - side
        assert edge <= left <= canvas[1] - edge - side


def test_windows_open_while_the_ascent_is_coarse() -> None:
    windows = Windows(zoom_min=0.4, zoom_start=0.9)

    def smallest(coarse_progress: float) -> int:
        return min(side for _, _, side in windows.draw(ViewGeometry((336, 336), 56), make_draws(300, coarse_progress)))

    assert 302 <= smallest(0.0) < 310
    assert smallest(0.0) > smallest(0.5) > smallest(1.0)
    assert 134 <= smallest(1.0) < 145


def test_jitter_and_zoom_go_to_their_end_over_the_ascent() -> None:
    windows = Windows(8, 0.9, zoom_start=0.9, jitter_end=40, zoom_min_end=0.2)
    assert windows.at_progress(0.0) == Windows(8, 0.9, zoom_start=0.9)
    half = windows.at_progress(0.5)
    assert (half.jitter, half.zoom_min) == (24, pytest.approx(0.55))
    for done in (0.0, 0.5, 1.0):
        moment = windows.at_progress(done)
        cut = windows.draw(ViewGeometry((180, 180), 40), make_draws(200, progress=done))
        assert cut == moment.draw(ViewGeometry((180, 180), 40), make_draws(200))
        assert min(top for top, _, _ in cut) == 40 - moment.jitter


def test_views_lie_in_what_windows_may_show_of_the_box_of_their_image() -> None:
    keys = [ViewKey(0, item, 0, view) for item in range(2) for view in range(50)]
    boxed = ((4, 6, 20, 24), (30, 10, 17, 40))
    windows = Windows(8, zoom_start=0.45).draw(ViewGeometry((56, 64), 8, boxes=boxed), Draws(keys, torch.device("cpu")))
    for number, (top, left, side) in enumerate(windows):
        low, start, height, width = boxed[number // 50]
        assert low <= top <= top + side <= low + height
        assert start <= left <= left + side <= start + width
    # No box: the same draws as ever.
    free = Windows(8).draw(ViewGeometry((56, 64), 8), Draws(keys, torch.device("cpu")))
    assert free == Windows(8).draw(
        ViewGeometry((56, 64), 8, boxes=((0, 0, 56, 64),) * 2), Draws(keys, torch.device("cpu"))
    )
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


@each_case(("zoom_start", "expected"), [(0.1, 0.4), (0.4, 0.4), (0.6, 0.6), (0.8, 0.8), (1.0, 0.8)])
def test_a_start_beyond_the_bounds_is_the_nearer_bound(zoom_start: float, expected: float) -> None:
    windows = Windows(0, 0.4, 0.8, zoom_start)
    drawn = windows.draw(ViewGeometry((1000, 1000)), make_draws(400, 0.0))
    sides = [side / 1000 for *_, side in drawn]
    assert (min(sides), max(sides)) == pytest.approx((expected, 0.8), abs=0.002)


@each_case("tile", [False, True])
def test_a_window_depends_on_its_view_alone(tile: bool) -> None:
    windows, geometry = Windows(0), ViewGeometry((40, 48), tile=tile)
    together = windows.draw(geometry, make_draws(6))
    parts = windows.draw(geometry, make_draws(2)) + windows.draw(geometry, make_draws(4, first=2))
    assert parts == together
    assert len(set(together)) == 6


FITTED = Windows(jitter=56, jitter_end=90, fitted=True)


def test_windows_of_a_tile_lie_across_its_edges_unless_there_is_a_box() -> None:
    windows = Windows(jitter=56, zoom_min=0.5, zoom_start=0.5)
    free = windows.draw(ViewGeometry((40, 60), tile=True), make_draws(500))
    assert {top for top, _, _ in free} == set(range(40))
    assert {left for _, left, _ in free} == set(range(60))
    boxed = windows.draw(ViewGeometry((40, 60), tile=True, boxes=((10, 20, 30, 40),)), make_draws(500))
    assert all(10 <= top <= 40 - side and 20 <= left <= 60 - side for top, left, side in boxed)


@each_case(
    ("windows", "canvas", "margin", "tile", "expected"),
    [
        (Windows(0), (56, 64), 8, False, (8, 8, 40, 48)),
        (Windows(3), (56, 64), 8, False, (5, 5, 46, 54)),
        (Windows(8), (56, 64), 8, False, (0, 0, 56, 64)),
        (Windows(56), (56, 64), 0, True, (0, 0, 56, 64)),
        (Windows(16), (96, 96), 16, False, (0, 0, 96, 96)),
        (FITTED, (96, 96), 16, False, (0, 0, 96, 96)),
        (FITTED.at_progress(1.0), (96, 96), 16, False, (0, 0, 96, 96)),
    ],
)
def test_views_reach_as_far_into_the_margin_as_the_jitter_and_fitted_ones_to_its_end(
    windows: Windows, canvas: tuple[int, int], margin: int, tile: bool, expected: Box
) -> None:
    assert windows.reach(canvas, margin, tile=tile) == expected


def test_a_jitter_beyond_the_margin_is_refused_when_windows_are_drawn() -> None:
    with pytest.raises(ValueError, match=r"jitter 9 reaches past the margin of 8 pixels .* margin to 9"):
        Windows(9).draw(ViewGeometry((56, 64), 8), make_draws(1))
    # It gets there only in the second half of the ascent.
    late = Windows(8, jitter_end=12, curve="step")
    assert len(late.draw(ViewGeometry((56, 64), 8), make_draws(3, progress=0.4))) == 3
    with pytest.raises(ValueError, match="jitter 12 reaches past the margin of 8 pixels"):
        late.draw(ViewGeometry((56, 64), 8), make_draws(3, progress=0.5))


@each_case(
    ("make", "says"),
    [
        (lambda: Windows(jitter=-1), "jitter -1 is negative"),
        (lambda: Windows(zoom_min=0.8, zoom_max=0.5), "zoom_min 0.8 is above zoom_max 0.5"),
        (lambda: Windows(zoom_max=1.5), "zoom_max 1.5"),
        (lambda: Windows(zoom_min=0), "zoom_min 0"),
        (lambda: Windows(zoom_start=1.1), "zoom_start 1.1 is not above 0 and at most 1"),
        (lambda: Windows(zoom_min=float("nan")), "zoom_min nan is not above 0"),
        (lambda: Windows(zoom_min_end=0), "zoom_min_end 0 is not above 0"),
        (
            lambda: Windows(zoom_max=0.5, zoom_min_end=0.6),
            "zoom_min_end 0.6 is above zoom_max 0.5.* lower zoom_min_end",
        ),
        (lambda: Windows(jitter_end=-2), "jitter_end -2 is negative"),
        (lambda: Windows(curve="wild"), "curve 'wild' is unknown; choose one of linear"),  # type: ignore[arg-type]
        (lambda: Windows(jitter_end=60).reach((336, 336), 56), "jitter_end 60 reaches past .* lower jitter_end to 56"),
        (lambda: Windows(jitter=80).reach((336, 336), 56), "jitter 80 reaches past the margin of 56"),
    ],
)
def test_bad_settings_are_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
