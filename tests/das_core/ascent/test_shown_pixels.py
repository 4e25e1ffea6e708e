"""The gradient at the canvas under masks, of films and of zooms, against autograd from the canvas on."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.ascent.active_region import active_region
from das_core.ascent.gradient import ScoreGradient
from das_core.ascent.scoring import Scoring
from das_core.ascent.shown_pixels import StepRenderer
from das_core.stack.pixels import pull_back_gradient, render_pixels, to_rgb
from das_core.views.draws import Draws
from das_core.views.windows import ViewGeometry
from gradient_by_hand import CPU, PACE, SEED, STEP, differentiate, film, measure, noisy, total
from toys import SPEC, VIEWS, classifier, make_scoring, toy_class


def test_only_what_lies_under_a_region_or_under_the_mask_of_a_stack_counts() -> None:
    stack = noisy()
    mask = torch.zeros(1, 32, 32)
    mask[:, 4:24, 8:30] = torch.linspace(0.1, 1.0, 22)
    gradient, _ = measure(stack, [da.in_region(toy_class(), mask)])
    region = active_region([mask], stack, (0, 0, *SPEC.canvas))
    assert region.mask is not None
    expected = differentiate(stack, total(toy_class(), stack, region=region), region.mask)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert bool((gradient[(region.mask == 0).expand_as(gradient)] == 0).all())
    mask = torch.zeros(1, 32, 32)
    mask[:, 6:26, 6:26] = 1
    around = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    stack = noisy().place_into(around, mask, feather=3)
    gradient, _ = measure(stack, [toy_class()])
    region = active_region([], stack, (0, 0, *SPEC.canvas))
    # Judges see the surroundings. The mask counts once, as the share that the canvas has in what is shown.
    expected = differentiate(stack, total(toy_class(), stack, region=region))
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def film_views(scoring: Scoring, pixels: Tensor) -> tuple[Tensor, list[int]]:
    """The views of the film that the first group sees, all at once, and the frame of each."""
    keys, spec = scoring.choose_keys(0, STEP, len(pixels)), scoring.stack.spec
    views = VIEWS.make_views(pixels, ViewGeometry(spec.canvas, spec.margin, 32), Draws(keys, CPU, 0.5, 0.25))
    return views, [key.image for key in keys if key.image is not None]


@each_case("chunk", 1, 4, 100)
def test_the_views_of_a_step_are_spread_over_a_film(chunk: int) -> None:
    """Six views of ten frames: the gradient is that of autograd from these six, and 0 at the frames in between."""
    stack, model = film(10), classifier()
    one, other = (da.classes(number, "logit").on(model) for number in (3, 5))
    tracks = [da.over_frames(one, ((0, 1.0), (9, 0.0))), da.over_frames(other, ((0, 0.0), (9, 1.0)), curve="cosine")]
    scoring = make_scoring(stack, tracks, VIEWS, SEED)
    shown: list[int] = []

    def score(pixels: Tensor) -> Tensor:
        views, frames = film_views(scoring, pixels)
        shown[:] = frames
        share = torch.tensor(frames) / 9
        back = (1 - torch.cos(torch.pi * share)) / 2
        logits = model(views)
        # As the sum over ten frames of their means.
        return 10 / 6 * ((1 - share) * logits[:, 3] + back * logits[:, 5]).sum()

    gradient, scores = measure(stack, tracks, chunk=chunk)
    expected = differentiate(stack, score)
    assert len(shown) == len(set(shown)) == 6
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert [bool(frame.any()) for frame in gradient] == [frame in shown for frame in range(10)]
    # Each view counts for the score of a track as its frame does.
    views, frames = film_views(scoring, stack.pixels())
    share = 1 - torch.tensor(frames) / 9
    assert scores["class 3"] == pytest.approx(float((share * model(views)[:, 3]).sum() / share.sum()), rel=1e-4)


@each_case("focus", None, da.ascent.Focus())
def test_frames_by_themselves_and_all_at_once_have_the_same_gradient(focus: da.ascent.Focus | None) -> None:
    masks = torch.zeros(3, 32, 32)
    for frame in range(3):
        masks[frame, 2 : 2 + 24, 2 * frame : 2 * frame + 24] = 1
    stack = film(3).place_into(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)), masks, feather=2)
    asked: list[da.Objective] = [toy_class()]
    scoring = make_scoring(stack, asked, VIEWS, SEED)
    some, _ = ScoreGradient(scoring, focus)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), 4)
    asked.append(da.prior("total_variation", weight=0.0))
    # A prior looks at all frames, so all are rendered; it has no weight here.
    scoring = make_scoring(stack, asked, VIEWS, SEED)
    every, _ = ScoreGradient(scoring, focus)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), 4)
    torch.testing.assert_close(some, every, rtol=1e-4, atol=1e-6 * float(every.abs().max()))
    assert stack.surroundings is not None
    assert not some[(stack.surroundings.mask == 0).expand_as(some)].any()


def zoomed(**settings: object) -> da.ImageStack:
    """Three depths in each other, and between each two three moments that views show as well."""
    zoom = da.stack.Zoom(3, **settings)  # type: ignore[arg-type]
    return da.ImageStack.noise(da.StackSpec(32, 32, 6, zoom=zoom), amplitude=0.8)


def ask_by_depth(stack: da.ImageStack) -> list[da.Objective]:
    model = classifier()
    asked = {depth: 3 + depth for depth in range(3)}
    return [da.over_keyframes(asked, lambda number: da.classes(number, "logit").on(model))]


NARROW = replace(VIEWS, windows=da.views.Windows(6))


@each_case("chunk", 1, 4, 100)
@each_case("loop", False, True)
def test_views_of_a_zoom_reach_all_depths_that_they_show(chunk: int, loop: bool) -> None:
    """The gradient at the depths is that of autograd through what is seen at every moment."""
    stack = zoomed(loop=loop)
    tracks, model, operator = ask_by_depth(stack), classifier(), stack.spec.zoom_operator
    assert operator is not None
    moments = operator.zoom.moments
    scoring = make_scoring(stack, tracks, NARROW, SEED)
    keys = scoring.choose_keys(0, STEP, len(moments))

    canvas = stack.canvas.clone().requires_grad_()
    pixels = torch.sigmoid(2 * to_rgb(operator.forward(canvas, moments), stack.spec.color))
    views = NARROW.make_views(pixels, ViewGeometry(stack.spec.canvas, 6, 32), Draws(keys, CPU, 0.5, 0.25))
    logits, total = model(views), torch.zeros(())
    for number, key in enumerate(keys):
        assert key.image is not None
        for depth in range(3):
            apart = abs(moments[key.image] - depth)
            share = (1 + math.cos(math.pi * min(1.0, apart, 3 - apart if loop else 1.0))) / 2
            total = total + len(moments) / len(keys) * share * logits[number, 3 + depth]
    total.backward()
    assert canvas.grad is not None
    measured = ScoreGradient(scoring)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), chunk)[0]
    assert measured.shape == stack.canvas.shape
    torch.testing.assert_close(measured, canvas.grad, rtol=1e-4, atol=1e-5 * float(canvas.grad.abs().max()))


def test_a_prior_of_a_zoom_looks_at_every_moment() -> None:
    stack = zoomed()
    smooth = da.prior("total_variation")
    gradient, scores = measure(stack, [*ask_by_depth(stack), smooth], NARROW)
    assert gradient.shape == stack.canvas.shape
    assert list(scores) == ["class 3", "class 4", "class 5", "total variation"]
    alone, _ = measure(stack, [smooth], NARROW)
    assert all(bool(depth.any()) for depth in alone)


class _Negative:
    """A look that every view of it betrays."""

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        return 1 - pixels


def test_views_show_ever_more_of_a_look_and_gradients_pass_it() -> None:
    stack = replace(noisy(), spec=replace(SPEC, look=_Negative()))
    renderer = StepRenderer(make_scoring(stack, [toy_class()], VIEWS, SEED))
    plain = render_pixels(stack.canvas, SPEC.color)
    for progress, share in ((0.0, 0.15), (0.5, 0.575), (1.0, 1.0)):
        shown = renderer.render(stack.canvas, 0, progress)
        (pixels,) = shown.pyramid.leaves
        torch.testing.assert_close(pixels.detach(), plain.lerp(1 - plain, share))
        pixels.square().sum().backward()
        # As if the look were not there: the derivative at what the views show, times that of the pixels themselves.
        gradient = pull_back_gradient(2 * pixels.detach(), plain, SPEC.color)
        torch.testing.assert_close(renderer.pull_back(0, shown, replace(PACE, progress=progress)), gradient)
    assert torch.equal(stack.image(), 1 - noisy().image())


@each_case("settings", {"time": da.stack.Time(12)}, {"zoom": da.stack.Zoom(4)})
def test_the_views_of_a_step_show_the_palette_of_all_frames(settings: Any) -> None:
    spec = replace(SPEC, look=da.looks.Cells(8, 4), **settings)
    stack = da.ImageStack.noise(spec)
    # From black to white, so that the frames that a step shows have other colours than all of them.
    stack = replace(stack, canvas=stack.canvas + torch.linspace(-2, 2, stack.batch)[:, None, None, None])
    shown = StepRenderer(make_scoring(stack, [toy_class()], da.views.Augmentation(2), SEED)).render(
        stack.canvas, 0, 1.0
    )
    (pixels,) = shown.pyramid.leaves
    assert shown.images is not None
    assert len(pixels) <= 2
    whole = stack.pixels()
    colors = {tuple(color) for color in whole.transpose(0, 1).flatten(1).T.tolist()}
    assert len(colors) <= 4
    assert {tuple(color) for color in pixels.detach().transpose(0, 1).flatten(1).T.tolist()} <= colors
    if spec.zoom is None:
        torch.testing.assert_close(pixels.detach(), whole[shown.images])


def test_a_look_without_memory_is_named_and_takes_no_views_away() -> None:
    def paint(pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        raise MemoryError

    ascent = da.Ascent(da.ImageStack.gray(replace(SPEC, look=paint)), toy_class(), VIEWS, chunk=4)
    with pytest.raises(torch.OutOfMemoryError, match="in the look: make the picture or the batch smaller"):
        next(iter(ascent))
    assert ascent.chunk == 4
