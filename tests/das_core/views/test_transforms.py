"""Transforms of views: what they do, that they are random through their draws only, and their gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.objectives.classes import class_objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.color_transforms import ColorShift, Grayscale
from das_core.views.distance import Distance
from das_core.views.draws import Draws, NoiseKind, ViewKey
from das_core.views.perspective import make_perspective_grid
from das_core.views.transforms import Flip, Noise, PatchMask, Perspective, Transform, count_kept_views
from das_core.views.windows import Windows
from toys import classifier, make_draws

TRANSFORMS: list[Transform] = [
    ColorShift(),
    ColorShift(per_channel=False),
    Perspective(),
    PatchMask(),
    PatchMask(3, 0.5, "gray"),
]


@each_case("transform", TRANSFORMS)
def test_views_change_alike_in_any_chunk_and_each_in_its_own_way(transform: Transform) -> None:
    views = torch.rand(1, 3, 24, 24).expand(4, -1, -1, -1)
    changed = transform(views, make_draws(4))
    assert changed.shape == views.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert all(not torch.equal(changed[a], changed[b]) for a in range(4) for b in range(a))
    chunks = [make_draws(1), make_draws(2, first=1), make_draws(1, first=3)]
    parts = [transform(views[: len(draws)], draws) for draws in chunks]
    assert torch.equal(torch.cat(parts), changed)


@each_case("transform", TRANSFORMS)
def test_an_ascent_through_it_raises_the_score(transform: Transform) -> None:
    views = Augmentation(4, Windows(4, 0.8), (transform,))
    wish = class_objective(classifier(), ((3, 1.0),))
    ascent = Ascent(ImageStack.gray(StackSpec(32, 32, 4)), [wish], views, steps=12, chunk=3)
    scores = [record.scores[wish.name] for record in [step.record for step in ascent]]
    assert sum(scores[-3:]) > sum(scores[:3]) + 1


@each_case(
    ("nothing", "error"),
    [(ColorShift(0, 0), 1e-6), (Perspective(0), 0.0), (PatchMask(0), 0.0), (Flip(0), 0.0), (Noise(0), 0.0)],
)
def test_at_zero_nothing_happens(nothing: Transform, error: float) -> None:
    # Of 15 pixels, interpolation at the pixels' own centres would not be exact.
    for side in (15, 16):
        views = torch.rand(3, 3, side, side)
        torch.testing.assert_close(nothing(views, make_draws(3)), views, rtol=0, atol=error)


@each_case(
    ("nothing", "something"), [(ColorShift(0, 0), ColorShift()), (Perspective(0), Perspective()), (Flip(0), Flip())]
)
def test_at_zero_as_much_is_drawn_so_that_what_follows_stays_the_same(nothing: Transform, something: Transform) -> None:
    views, follows = torch.rand(3, 3, 16, 16), []
    for transform in (nothing, something):
        draws = make_draws(3)
        transform(views, draws)
        follows.append(draws.uniform())
    assert follows[0] == follows[1]
    assert follows[0] != make_draws(3).uniform()


@each_case("transform", [*TRANSFORMS, Flip(), Noise(), Noise(0.1, "uniform")])
def test_a_change_belongs_to_its_view_and_leaves_what_comes_in_alone(transform: Transform) -> None:
    views = torch.rand(6, 3, 16, 16)
    before = views.clone()
    parts = [transform(views[:2], make_draws(2)), transform(views[2:], make_draws(4, first=2))]
    assert torch.equal(torch.cat(parts), transform(views, make_draws(6)))
    assert torch.equal(views, before)


def test_flip_mirrors_whole_views_about_that_often() -> None:
    views = torch.rand(400, 3, 4, 4)
    flipped = Flip(0.25)(views, make_draws(400))
    mirrored = sum(torch.equal(a, b.flip(-1)) for a, b in zip(flipped, views, strict=True))
    same = sum(torch.equal(a, b) for a, b in zip(flipped, views, strict=True))
    assert mirrored + same == 400
    assert 70 < mirrored < 130
    assert torch.equal(Flip(0)(views, make_draws(400)), views)
    assert torch.equal(Flip(1)(views, make_draws(400)), views.flip(-1))


def test_noise_is_added_and_clipped_and_uniform_noise_alone_raises_the_brightness_by_half_its_amplitude() -> None:
    views = torch.full((2, 3, 50, 50), 0.9)
    kinds: tuple[NoiseKind, ...] = ("gaussian", "uniform")
    for kind in kinds:
        noisy = Noise(0.2, kind)(views, make_draws(2))
        expected = (views + 0.2 * make_draws(2).noise((3, 50, 50), kind)).clamp(0, 1)
        torch.testing.assert_close(noisy, expected)
        assert not torch.equal(noisy[0], noisy[1])
        assert float(noisy.max()) == 1
    views = torch.full((4, 3, 100, 100), 0.5)
    gaussian, uniform = (Noise(0.1, kind)(views, make_draws(4)) - views for kind in kinds)
    assert float(gaussian.mean()) == pytest.approx(0, abs=1e-3)
    assert float(gaussian.std()) == pytest.approx(0.1, abs=1e-3)
    assert float(uniform.mean()) == pytest.approx(0.05, abs=1e-3)
    assert 0 <= float(uniform.min()) < float(uniform.max()) <= 0.1 + 1e-6


@each_case(("curve", "early"), [("linear", 0.15), ("cosine", 0.17), ("step", 0.2)])
def test_noise_goes_to_its_end_along_a_curve(curve: str, early: float) -> None:
    views = torch.full((2, 3, 64, 64), 0.5)
    noise = Noise(0.2, amplitude_end=0.0, curve=curve)  # type: ignore[arg-type]
    assert float(noise(views, make_draws(2, progress=0.25)).std()) == pytest.approx(early, abs=0.01)
    assert torch.equal(noise(views, make_draws(2, progress=0.0)), Noise(0.2)(views, make_draws(2)))
    assert torch.equal(noise(views, make_draws(2, progress=1.0)), views)


def test_perspective_reads_views_through_the_homography_of_its_draws() -> None:
    views = torch.rand(3, 3, 12, 12)
    changed = Perspective(0.2)(views, make_draws(3))
    draws = make_draws(3)
    # Top left, top right, bottom right, bottom left; first down, then to the right.
    inward = torch.tensor([draws.uniform() for _ in range(8)], dtype=torch.float64).T.reshape(3, 4, 2)
    grid = make_perspective_grid(0.2 * inward, 12)
    assert torch.equal(changed, F.grid_sample(views, grid, padding_mode="border", align_corners=False))


def test_patches_hide_their_share_with_the_mean_and_let_no_gradient_through() -> None:
    views = torch.rand(200, 3, 32, 32, requires_grad=True)
    changed = PatchMask(1, 0.5)(views, make_draws(200))
    hidden = (changed != views).any(dim=1)
    # One rectangle with sides of U[0.25, 0.5]: nine sixty-fourths of the area on average.
    assert hidden.float().mean().item() == pytest.approx(9 / 64, abs=0.01)
    assert hidden.any(dim=0).float().mean() > 0.98, "nearly every place is hidden at some time"
    mean = views.detach().mean(dim=(2, 3))
    view = int(hidden.flatten(1).any(dim=1).nonzero()[0])
    inside = changed[view][:, hidden[view]]
    torch.testing.assert_close(inside, mean[view][:, None].expand_as(inside))
    changed.sum().backward()
    assert views.grad is not None
    assert torch.equal(views.grad, (~hidden)[:, None].float().expand_as(views))


def test_patches_can_be_grey_and_are_rectangles_with_sides_of_half_the_size_to_all_of_it_and_a_pixel_at_least() -> None:
    changed = PatchMask(2, 0.4, "gray")(torch.full((5, 3, 20, 20), 0.9), make_draws(5))
    assert changed.unique().tolist() == pytest.approx([0.5, 0.9])
    changed = PatchMask(1, 0.5, "gray")(torch.ones(300, 3, 40, 40), make_draws(300))
    heights, widths = [], []
    for hidden in (changed < 1).all(dim=1):
        rows, columns = hidden.any(dim=1).nonzero(), hidden.any(dim=0).nonzero()
        heights.append(int(rows[-1] - rows[0]) + 1)
        widths.append(int(columns[-1] - columns[0]) + 1)
        assert int(hidden.sum()) == heights[-1] * widths[-1]
    for sides in (heights, widths):
        assert (min(sides), max(sides)) == (10, 20)
        assert np.mean(sides) == pytest.approx(15, abs=0.6)
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.2
    views = torch.ones(20, 3, 8, 8)
    large = PatchMask(1, 1.0, "gray")(views, make_draws(20))
    assert all(16 <= int((view < 1).sum()) <= 64 for view in large[:, 0])
    dots = PatchMask(1, 0.01, "gray")(views, make_draws(20))
    assert [int((view < 1).sum()) for view in dots[:, 0]] == [1] * 20


@each_case(
    ("make", "says"),
    [
        (lambda: ColorShift(shift=1.5), "shift 1.5 is not between 0 .* 0.2 is a good amount"),
        (lambda: ColorShift(scale=float("nan")), "scale nan is not between 0 .* 0.2 is a good amount"),
        (lambda: Perspective(0.4), "distortion 0.4 is not between 0 .* 0.33.*folded; 0.15"),
        (lambda: Perspective(-0.1), "distortion -0.1 is not between"),
        (lambda: ColorShift(shift=-0.1), "shift -0.1 is not between"),
        (lambda: ColorShift(scale=3.1), r"scale 3.1 is not between 0 \(none\) and 3"),
        (lambda: Perspective(float("nan")), "distortion nan is not between"),
        (lambda: PatchMask(patches=65), "patches 65 is not between"),
        (lambda: PatchMask(size=1.1), "size 1.1 is not above 0 and at most 1"),
        (lambda: Noise(amplitude_end=-1), "noise_end -1"),
        (lambda: Noise(-1), "noise -1"),
        (lambda: Noise(10.5), "noise 10.5 is not between"),
        (lambda: Noise(float("nan")), "noise nan"),
        (lambda: Noise(kind="pink"), "noise kind 'pink' is unknown; choose one of uniform, gaussian"),  # type: ignore[arg-type]
        (lambda: Noise(curve="wild"), "curve 'wild' is unknown"),  # type: ignore[arg-type]
        (lambda: Flip(1.5), "flip 1.5"),
        (lambda: Flip(float("nan")), "flip nan is not a probability"),
        (lambda: PatchMask(patches=-1), "patches -1 is not between 0 .* 64"),
        (lambda: PatchMask(size=0), "size 0 is not above 0 .* 0.3"),
        (lambda: PatchMask(fill="noise"), "fill 'noise' is unknown; choose one of mean, gray"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_named(make: Callable[[], Transform], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@each_case(
    "transform",
    [
        Flip(),
        Noise(),
        Noise(kind="uniform"),
        ColorShift(),
        Grayscale(1.0),
        Distance(1.0),
        Perspective(),
        PatchMask(64),
        PatchMask(2, fill="gray"),
    ],
)
def test_a_transform_says_what_it_keeps(transform: Transform) -> None:
    views, times = 8, 4
    leaf = torch.rand(views, 3, 96, 96, requires_grad=True)
    draws = Draws([ViewKey(0, 0, 0, view) for view in range(views)], torch.device("cpu"))
    transform(leaf * 1.0, draws)
    draws = Draws([ViewKey(0, 0, 0, view) for view in range(views)], torch.device("cpu"))
    with PeakBytes() as made:
        shown = leaf
        for _ in range(times):
            shown = transform(shown, draws)
        shown.sum().backward()
    size = 4 * leaf.numel()
    # The gradient of the leaf and one on its way are not the transform's.
    assert made.peak / size - 2 <= times * transform.kept_views
    assert transform.kept_views <= 4 * made.peak / size / times


def test_one_that_does_not_say_what_it_keeps_counts_as_three() -> None:
    assert count_kept_views([Flip(), lambda views, draws: views]) == Flip.kept_views + 3
