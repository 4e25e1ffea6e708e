import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.transforms import Flip, Noise
from das_core.views.windows import Windows

CPU = torch.device("cpu")


def draws(count: int, coarse_progress: float = 1.0, step: int = 0, items: int = 1, progress: float = 1.0) -> Draws:
    return Draws(
        [ViewKey(0, item, step, view) for item in range(items) for view in range(count)], CPU, coarse_progress, progress
    )


def test_views_are_the_windows_resized_by_torch() -> None:
    pixels = torch.rand(2, 3, 60, 80, dtype=torch.float32)
    windows = Windows(jitter=5, zoom_min=0.3)
    cut = windows.draw(ViewGeometry((60, 80), 10), draws(6, items=2))
    views = windows(pixels, ViewGeometry((60, 80), 10, 32), draws(6, items=2))
    for view, (top, left, side), item in zip(views, cut, [0] * 6 + [1] * 6, strict=True):
        window = pixels[item : item + 1, :, top : top + side, left : left + side]
        expected = F.interpolate(window, size=32, mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(view, expected, rtol=0, atol=1e-5)


def test_gradient_of_the_windows_is_that_of_autograd() -> None:
    pixels = torch.rand(2, 3, 40, 40)
    weights = torch.randn(8, 3, 24, 24)
    windows = Windows(jitter=8, zoom_min=0.3)
    leaf = pixels.clone().requires_grad_()
    (windows(leaf, ViewGeometry((40, 40), 8, 24), draws(4, items=2)) * weights).sum().backward()
    naive = pixels.clone().requires_grad_()
    views = []
    for item, (top, left, side) in zip(
        [0] * 4 + [1] * 4, windows.draw(ViewGeometry((40, 40), 8), draws(4, items=2)), strict=True
    ):
        window = naive[item : item + 1, :, top : top + side, left : left + side]
        views.append(F.interpolate(window, size=24, mode="bilinear", antialias=True))
    (torch.cat(views) * weights).sum().backward()
    assert leaf.grad is not None
    assert naive.grad is not None
    torch.testing.assert_close(leaf.grad, naive.grad, rtol=1e-4, atol=1e-5)


def test_the_references_roll_and_centre_crop_is_one_setting() -> None:
    """Zoom 2/3 with jitter 56 on 224 + 2 * 56 pixels: windows of 224 pixels, unresized, offset by up to 56."""
    pixels = torch.rand(1, 3, 336, 336)
    windows = Windows(jitter=56, zoom_min=2 / 3, zoom_max=2 / 3)
    cut = windows.draw(ViewGeometry((336, 336), 56), draws(200))
    assert {side for _, _, side in cut} == {224}
    assert min(top for top, _, _ in cut) == 0
    assert max(left for _, left, _ in cut) == 112
    for view, (top, left, _) in zip(windows(pixels, ViewGeometry((336, 336), 56), draws(4)), cut, strict=False):
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
    for top, left, side in windows.draw(ViewGeometry(canvas, margin), draws(5, data.draw(st.floats(0, 1)))):
        assert side >= 1
        assert edge <= top <= canvas[0] - edge - side
        assert edge <= left <= canvas[1] - edge - side


def test_windows_open_while_the_ascent_is_coarse() -> None:
    windows = Windows(zoom_min=0.4, zoom_start=0.9)

    def smallest(coarse_progress: float) -> int:
        return min(side for _, _, side in windows.draw(ViewGeometry((336, 336), 56), draws(300, coarse_progress)))

    assert 302 <= smallest(0.0) < 310
    assert smallest(0.0) > smallest(0.5) > smallest(1.0)
    assert 134 <= smallest(1.0) < 145


def test_flip_mirrors_whole_views_about_that_often() -> None:
    views = torch.rand(400, 3, 4, 4)
    flipped = Flip(0.25)(views, draws(400))
    mirrored = sum(torch.equal(a, b.flip(-1)) for a, b in zip(flipped, views, strict=True))
    same = sum(torch.equal(a, b) for a, b in zip(flipped, views, strict=True))
    assert mirrored + same == 400
    assert 70 < mirrored < 130
    assert torch.equal(Flip(0)(views, draws(400)), views)
    assert torch.equal(Flip(1)(views, draws(400)), views.flip(-1))


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_noise_is_added_and_clipped(kind: str) -> None:
    views = torch.full((2, 3, 50, 50), 0.9)
    noisy = Noise(0.2, kind)(views, draws(2))  # type: ignore[arg-type]
    expected = (views + 0.2 * draws(2).noise((3, 50, 50), kind)).clamp(0, 1)  # type: ignore[arg-type]
    torch.testing.assert_close(noisy, expected)
    assert not torch.equal(noisy[0], noisy[1])
    assert float(noisy.max()) == 1


def test_jitter_and_zoom_go_to_their_end_over_the_ascent() -> None:
    windows = Windows(8, 0.9, zoom_start=0.9, jitter_end=40, zoom_min_end=0.2)
    assert windows.at_progress(0.0) == Windows(8, 0.9, zoom_start=0.9)
    half = windows.at_progress(0.5)
    assert (half.jitter, half.zoom_min) == (24, pytest.approx(0.55))
    for done in (0.0, 0.5, 1.0):
        moment = windows.at_progress(done)
        cut = windows.draw(ViewGeometry((180, 180), 40), draws(200, progress=done))
        assert cut == moment.draw(ViewGeometry((180, 180), 40), draws(200))
        assert min(top for top, _, _ in cut) == 40 - moment.jitter


def test_without_ends_windows_and_noise_do_not_know_the_time() -> None:
    pixels = torch.rand(1, 3, 48, 48)
    early, late = (
        Augmentation(3, Windows(4))(pixels, ViewGeometry((48, 48), 4, 16), draws(3, progress=done))
        for done in (0.0, 1.0)
    )
    assert torch.equal(early, late)


@pytest.mark.parametrize(("curve", "early"), [("linear", 0.15), ("cosine", 0.17), ("step", 0.2)])
def test_noise_goes_to_its_end_along_a_curve(curve: str, early: float) -> None:
    views = torch.full((2, 3, 64, 64), 0.5)
    noise = Noise(0.2, amplitude_end=0.0, curve=curve)  # type: ignore[arg-type]
    assert float(noise(views, draws(2, progress=0.25)).std()) == pytest.approx(early, abs=0.01)
    assert torch.equal(noise(views, draws(2, progress=0.0)), Noise(0.2)(views, draws(2)))
    assert torch.equal(noise(views, draws(2, progress=1.0)), views)


def test_transforms_come_in_order_and_leave_their_input_alone() -> None:
    class Double:
        def __call__(self, views: Tensor, draws: Draws) -> Tensor:
            return 2 * views

    class AddOne:
        def __call__(self, views: Tensor, draws: Draws) -> Tensor:
            return views + 1

    pixels = torch.rand(1, 3, 32, 32)
    before = pixels.clone()
    windows = Windows(0, 1, 1, 1)
    views = Augmentation(2, windows, (Double(), AddOne()))(pixels, ViewGeometry((32, 32), 0, 32), draws(2))
    torch.testing.assert_close(views, 2 * pixels.expand(2, -1, -1, -1) + 1)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Windows(jitter=-1), "jitter -1 is negative"),
        (lambda: Windows(zoom_min=0.8, zoom_max=0.5), "zoom_min 0.8 is above zoom_max 0.5"),
        (lambda: Windows(zoom_max=1.5), "zoom_max 1.5"),
        (lambda: Windows(zoom_min=0), "zoom_min 0"),
        (lambda: Windows(zoom_min_end=0), "zoom_min_end 0 is not above 0"),
        (
            lambda: Windows(zoom_max=0.5, zoom_min_end=0.6),
            "zoom_min_end 0.6 is above zoom_max 0.5.* lower zoom_min_end",
        ),
        (lambda: Windows(jitter_end=-2), "jitter_end -2 is negative"),
        (lambda: Windows(curve="wild"), "curve 'wild' is unknown; choose one of linear"),  # type: ignore[arg-type]
        (lambda: Windows(jitter_end=60).reach((336, 336), 56), "jitter_end 60 reaches past .* lower jitter_end to 56"),
        (lambda: Noise(amplitude_end=-1), "noise_end -1"),
        (lambda: Flip(1.5), "flip 1.5"),
        (lambda: Noise(-1), "noise -1"),
        (lambda: Noise(float("nan")), "noise nan"),
        (lambda: Augmentation(views=0), "views 0"),
        (lambda: Windows(jitter=80).reach((336, 336), 56), "jitter 80 reaches past the margin of 56"),
    ],
)
def test_bad_settings_are_named(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]
