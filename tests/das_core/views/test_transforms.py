"""Transforms of views: what they do, that they are random through their draws only, and their gradients."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.views.draws import NoiseKind
from das_core.views.transforms import Distance, Flip, Grayscale, Noise, Transform, count_kept_views
from toys import make_draws, random_views

TRANSFORMS: list[Transform] = [Flip(), Noise(), Grayscale(1), Distance(1)]


@each_case("transform", *TRANSFORMS)
def test_a_change_belongs_to_its_view_leaves_what_comes_in_alone_and_has_a_gradient(transform: Transform) -> None:
    views = torch.rand(1, 3, 24, 24).expand(6, -1, -1, -1).clone().requires_grad_()
    before = views.detach().clone()
    changed = transform(views, make_draws(6))
    assert changed.shape == views.shape
    assert 0 <= float(changed.detach().min()) <= float(changed.detach().max()) <= 1
    parts = [transform(views[:2], make_draws(2)), transform(views[2:], make_draws(4, first=2))]
    assert torch.equal(torch.cat(parts), changed)
    assert torch.equal(views, before)
    changed.square().sum().backward()
    assert views.grad is not None
    assert all(bool(view.any()) for view in views.grad)
    if not isinstance(transform, Flip | Grayscale | Distance):
        assert all(not torch.equal(changed[a], changed[b]) for a in range(6) for b in range(a))


@each_case(("nothing", "something", "error"), (Flip(0), Flip(), 0.0), (Noise(0), None, 0.0))
def test_at_zero_nothing_happens_and_what_follows_gets_the_same_draws(
    nothing: Transform, something: Transform | None, error: float
) -> None:
    views, draws, others = torch.rand(3, 3, 15, 15), make_draws(3), make_draws(3)
    torch.testing.assert_close(nothing(views, draws), views, rtol=0, atol=error)
    if something is not None:
        something(views, others)
        assert draws.numbers() == others.numbers() != make_draws(3).numbers()


def test_flip_mirrors_whole_views_about_that_often() -> None:
    views = torch.rand(400, 3, 4, 4)
    flipped = Flip(0.25)(views, make_draws(400))
    mirrored = sum(torch.equal(a, b.flip(-1)) for a, b in zip(flipped, views, strict=True))
    same = sum(torch.equal(a, b) for a, b in zip(flipped, views, strict=True))
    assert mirrored + same == 400
    assert 70 < mirrored < 130
    assert torch.equal(Flip(1)(views, make_draws(400)), views.flip(-1))


def test_for_a_judge_that_was_taught_noise_falls_to_its_amplitude_and_is_not_clipped() -> None:
    views, draws = torch.full((40, 3, 16, 16), 0.5), make_draws(40)
    for progress, most in ((0.0, 0.8), (0.5, 0.5), (1.0, 0.2)):
        draws.progress, draws.judge_noise = progress, 0.8
        assert Noise(0)(views, draws) is views
        added = (Noise(0.2)(views, draws) - views).std(dim=(1, 2, 3))
        assert 0.2 * most < added.min() < 0.5 * most
        assert 0.8 * most < added.max() < 1.1 * most


@each_case("kind", *get_args(NoiseKind))
def test_noise_is_added_and_clipped(kind: NoiseKind) -> None:
    views = torch.full((2, 3, 50, 50), 0.9)
    noisy = Noise(0.2, kind)(views, make_draws(2))
    torch.testing.assert_close(noisy, (views + 0.2 * make_draws(2).noise((3, 50, 50), kind)).clamp(0, 1))
    assert float(noisy.max()) == 1


test_bad_settings_are_named = refuses(
    lambda make: make(),
    (lambda: Noise(-1), "noise -1 is not between 0 .* 10; 0.05"),
    (lambda: Noise(10.5), "noise 10.5 is not between"),
    (lambda: Noise(kind="pink"), "noise kind 'pink' is unknown; choose one of uniform, gaussian"),  # type: ignore[arg-type]
    (lambda: Flip(-0.1), "flip -0.1 is not between 0 and 1"),
    (lambda: Flip(1.5), "flip 1.5 is not"),
)


@each_case("transform", *TRANSFORMS)
def test_a_transform_says_what_it_keeps(transform: Transform) -> None:
    times, leaf = 4, torch.rand(8, 3, 96, 96, requires_grad=True)
    transform(leaf * 1.0, make_draws(8))
    draws = make_draws(8)
    with PeakBytes() as made:
        shown = leaf
        for _ in range(times):
            shown = transform(shown, draws)
        shown.sum().backward()
    size, kept = 4 * leaf.numel(), count_kept_views([transform])
    # The gradient of the leaf and one on its way are not the transform's.
    assert made.peak / size - 2 <= times * kept
    assert kept <= 4 * made.peak / size / times


def test_one_that_does_not_say_what_it_keeps_counts_as_three() -> None:
    assert count_kept_views([Flip(), lambda views, draws: views]) == Flip.kept_views + 3


def test_about_a_share_of_the_views_is_grey_by_the_luminance_of_rec_601_and_the_others_are_as_they_were() -> None:
    views = random_views(12, 6)
    made = Grayscale(1.0)(views, make_draws(6))
    expected = np.einsum("c,nchw->nhw", np.array([0.2989, 0.587, 0.114]), views.numpy())
    np.testing.assert_allclose(made.numpy(), np.repeat(expected[:, None], 3, axis=1), atol=1e-6)
    views = random_views(4, 400)
    made = Grayscale(0.25)(views, make_draws(400))
    is_grey = (made == made[:, :1]).all(dim=1).all(dim=2).all(dim=1)
    assert 70 <= int(is_grey.sum()) <= 130
    assert torch.equal(made[~is_grey], views[~is_grey])
    assert Grayscale(0.0)(views, make_draws(400)) is views


@each_case("probability", -0.1, 1.1, math.nan)
def test_a_grayscale_that_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        Grayscale(probability)


def test_a_view_from_afar_is_shrunk_to_a_fifth_to_half_of_its_side_and_enlarged_as_by_torch() -> None:
    views, draws = random_views(60, 12), make_draws(12)
    far = Distance(1.0)(views, make_draws(12))
    draws.numbers()
    sizes = [round(60 * 0.2 * 2.5**place) for place in draws.numbers()]
    assert len(set(sizes)) > 5
    for seen, view, size in zip(far, views, sizes, strict=True):
        small = F.interpolate(view[None], size=size, mode="bilinear", antialias=True)
        expected = F.interpolate(small, size=60, mode="bilinear")[0]
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)


def test_so_many_views_as_the_probability_says_are_seen_from_afar_each_by_its_own_draws() -> None:
    views = random_views(16, 400)
    far = Distance(0.25)(views, make_draws(400))
    changed = (far != views).flatten(1).any(dim=1)
    assert 70 < int(changed.sum()) < 130
    assert torch.equal(Distance(0.0)(views, make_draws(400)), views)
    assert torch.equal(far[7:9], Distance(0.25)(views[7:9], make_draws(2, first=7)))


@each_case("probability", -0.1, 1.1, float("nan"))
def test_what_is_no_probability_is_named(probability: float) -> None:
    with pytest.raises(ValueError, match=rf"distance {probability} is not between 0 and 1"):
        Distance(probability)
