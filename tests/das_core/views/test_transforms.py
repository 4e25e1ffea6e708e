"""Transforms of views: what they do, that they are random through their draws only, and their gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from toys import classifier

from das_core.ascent.loop import Ascent
from das_core.objectives.classes import ClassObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.perspective import grid_sample_adjoint, make_perspective_grid
from das_core.views.transforms import ColorShift, PatchMask, Perspective, Transform
from das_core.views.windows import Windows

CPU = torch.device("cpu")
TRANSFORMS: list[Transform] = [
    ColorShift(),
    ColorShift(per_channel=False),
    Perspective(),
    PatchMask(),
    PatchMask(3, 0.5, "gray"),
]


def draws(count: int, first: int = 0) -> Draws:
    return Draws([ViewKey(0, 0, 0, view) for view in range(first, first + count)], CPU)


def corners(*inward: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([inward], dtype=torch.float64)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_views_change_alike_in_any_chunk_and_each_in_its_own_way(transform: Transform) -> None:
    views = torch.rand(1, 3, 24, 24).expand(4, -1, -1, -1)
    changed = transform(views, draws(4))
    assert changed.shape == views.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert all(not torch.equal(changed[a], changed[b]) for a in range(4) for b in range(a))
    parts = [transform(views[:1], draws(1)), transform(views[:2], draws(2, 1)), transform(views[:1], draws(1, 3))]
    assert torch.equal(torch.cat(parts), changed)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_an_ascent_through_it_raises_the_score(transform: Transform) -> None:
    views = Augmentation(4, Windows(4, 0.8), (transform,))
    wish = ClassObjective(classifier(), ((3, 1.0),))
    ascent = Ascent(ImageStack.grey(StackSpec(32, 32, 4)), [wish], views, steps=12, chunk=3)
    scores = [record.scores[wish.name] for record in [step.record for step in ascent]]
    assert sum(scores[-3:]) > sum(scores[:3]) + 1


@pytest.mark.parametrize(
    "nothing", [ColorShift(0, 0), Perspective(0), PatchMask(0)], ids=["ColorShift", "Perspective", "PatchMask"]
)
def test_at_zero_nothing_happens_and_as_much_is_drawn_by_what_follows(nothing: Transform) -> None:
    views = torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(nothing(views, draws(3)), views, rtol=0, atol=1e-6)


def test_colour_shift_is_one_line_a_channel_within_its_bounds() -> None:
    views = torch.rand(50, 3, 8, 8) * 0.2 + 0.4
    changed = ColorShift(0.1, 0.2)(views, draws(50))
    darkest, brightest = views.amin(dim=(2, 3)), views.amax(dim=(2, 3))
    slope = (changed.amax(dim=(2, 3)) - changed.amin(dim=(2, 3))) / (brightest - darkest)
    offset = changed.amin(dim=(2, 3)) - (0.5 + slope * (darkest - 0.5))
    assert 0.818 < float(slope.min()) < 0.84
    assert 1.19 < float(slope.max()) < 1.222
    assert -0.1001 < float(offset.min()) < -0.09
    assert 0.09 < float(offset.max()) < 0.1001
    assert not torch.allclose(slope[:, 0], slope[:, 1])


def test_without_channels_of_their_own_grey_stays_grey() -> None:
    grey = torch.rand(4, 1, 8, 8).expand(-1, 3, -1, -1)
    changed = ColorShift(0.2, 0.5, per_channel=False)(grey, draws(4))
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert torch.equal(changed[:, 0], changed[:, 2])


def test_perspective_reads_the_quadrilateral_with_these_corners() -> None:
    inward = corners((0.1, 0.2), (0.3, 0.05), (0.0, 0.25), (0.15, 0.0))
    # So fine that the outermost pixels are as good as the corners.
    grid = make_perspective_grid(inward, 2048)[0]
    expected = [(-0.6, -0.8), (0.9, -0.4), (0.5, 1.0), (-1.0, 0.7)]
    for (row, column), (x, y) in zip([(0, 0), (0, -1), (-1, -1), (-1, 0)], expected, strict=True):
        torch.testing.assert_close(grid[row, column], torch.tensor([x, y]), rtol=0, atol=3e-3)


def test_perspective_keeps_straight_lines_straight() -> None:
    grid = make_perspective_grid(corners((0.3, 0.1), (0.0, 0.2), (0.2, 0.3), (0.1, 0.0)), 33)[0].double()
    first, middle, last = grid[7, 0], grid[7, 16], grid[7, 32]
    along, across = last - first, middle - first
    assert abs(float(along[0] * across[1] - along[1] * across[0])) < 1e-6


@pytest.mark.parametrize("by_sorting", [False, True])
def test_the_adjoint_of_perspective_is_that_of_autograd_and_repeats_its_bits(by_sorting: bool) -> None:
    inward = torch.rand(3, 4, 2, dtype=torch.float64) * 0.33
    grid = make_perspective_grid(inward, 20)
    gradient = torch.randn(3, 3, 20, 20)
    views = torch.rand(3, 3, 20, 20, requires_grad=True)
    F.grid_sample(views, grid, padding_mode="border", align_corners=False).backward(gradient)
    ours = grid_sample_adjoint(gradient, grid, by_sorting=by_sorting)
    assert views.grad is not None
    torch.testing.assert_close(ours, views.grad, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours, grid_sample_adjoint(gradient, grid, by_sorting=by_sorting))


def test_patches_hide_their_share_with_the_mean_and_let_no_gradient_through() -> None:
    views = torch.rand(200, 3, 32, 32, requires_grad=True)
    changed = PatchMask(1, 0.5)(views, draws(200))
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


def test_patches_can_be_grey() -> None:
    changed = PatchMask(2, 0.4, "gray")(torch.full((5, 3, 20, 20), 0.9), draws(5))
    assert changed.unique().tolist() == pytest.approx([0.5, 0.9])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ColorShift(shift=1.5), "shift 1.5 is not between 0 .* 0.1 is a good amount"),
        (lambda: ColorShift(scale=float("nan")), "scale nan is not between 0 .* 0.2 is a good amount"),
        (lambda: Perspective(0.4), "distortion 0.4 is not between 0 .* 0.33.*folded; 0.15"),
        (lambda: Perspective(-0.1), "distortion -0.1 is not between"),
        (lambda: PatchMask(patches=-1), "patches -1 is not between 0 .* 64"),
        (lambda: PatchMask(size=0), "size 0 is not above 0 .* 0.3"),
        (lambda: PatchMask(fill="noise"), "fill 'noise' is unknown; choose one of mean, gray"),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_named(make: Callable[[], Transform], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
