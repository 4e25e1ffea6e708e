"""The gradient of a step: against autograd from the canvas on, weights, chunks, and reference images."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from das_core.ascent.focus import Focus
from das_core.ascent.gradient import ScoreGradient
from das_core.ascent.groups import name_objectives
from das_core.ascent.loop import Ascent
from das_core.ascent.pace import Pace
from das_core.ascent.scoring import Scoring
from das_core.ascent.sgd import SGD
from das_core.ascent.support import ActiveRegion, active_region
from das_core.common.images import place_on_canvas
from das_core.objectives.base import Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.content import ContentObjective
from das_core.objectives.prior import CanvasPixels, Prior
from das_core.objectives.track import Track, make_tracks
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.color import ColorSpace, to_rgb
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, Output, class_objective, classifier, judge

CPU = torch.device("cpu")
SEED, STEP, PACE = 5, 4, Pace(rate=0.7, coarse_progress=0.5, progress=0.25, tilt=0.5)


def noisy(color: ColorSpace = "decorrelated", batch: int = 2, **spec: object) -> ImageStack:
    """A stack whose canvas is neither grey nor saturated."""
    return ImageStack.noise(replace(SPEC, color=color, **spec), batch, amplitude=0.8)  # type: ignore[arg-type]


def measure(
    stack: ImageStack, objectives: Sequence[Objective], augmentation: Augmentation = VIEWS, chunk: int = 100
) -> tuple[Tensor, dict[str, float]]:
    """The gradient and the scores as an ascent measures them, at the canvas of the stack."""
    measured = ScoreGradient(Scoring(stack, name_objectives(objectives), augmentation, SEED))
    gradient, scores = measured(stack.canvas, STEP, PACE, stack.spec.operator(CPU), chunk)
    return gradient, {name: float(score) for name, score in scores.items()}


def views_by_hand(
    pixels: Tensor, spec: StackSpec, size: int, number: int = 0, region: ActiveRegion | None = None
) -> Tensor:
    """The views of the group with this number, all at once, images one after another."""
    keys = [ViewKey(SEED, item, STEP, view, number) for item in range(len(pixels)) for view in range(VIEWS.views)]
    geometry = ViewGeometry(spec.canvas, spec.margin, size, boxes=None if region is None else region.boxes)
    return VIEWS(pixels, geometry, Draws(keys, CPU, PACE.coarse_progress, PACE.progress))


def differentiate(stack: ImageStack, score: Callable[[Tensor], Tensor], mask: Tensor | None = None) -> Tensor:
    """The gradient at the canvas of a score of the pixels, by autograd through colours, tanh and surroundings."""
    canvas = stack.canvas.clone().requires_grad_()
    pixels = (torch.tanh(to_rgb(canvas, stack.spec.color)) + 1) / 2
    if stack.surroundings is not None:
        share = stack.surroundings.mask
        pixels = pixels * share + stack.surroundings.pixels * (1 - share)
    if mask is not None:
        # The gradient of what lies outside the region does not count.
        pixels = mask * pixels + (1 - mask) * pixels.detach()
    (gradient,) = torch.autograd.grad(score(pixels), canvas)
    return gradient


def total(
    objective: ClassObjective, stack: ImageStack, number: int = 0, region: ActiveRegion | None = None
) -> Callable[[Tensor], Tensor]:
    """The sum over the images of the mean score of their views, as a function of the pixels."""

    def score(pixels: Tensor) -> Tensor:
        views = views_by_hand(pixels, stack.spec, objective.judge.size, number, region)
        return objective.score(objective.judge(views)).sum() / VIEWS.views

    return score


@pytest.mark.parametrize("color", ["rgb", "decorrelated"])
@pytest.mark.parametrize("weight", [1.0, -0.3])
def test_it_is_that_of_autograd(color: ColorSpace, weight: float) -> None:
    stack = noisy(color)
    gradient, _ = measure(stack, [class_objective(weight=weight)])
    expected = weight * differentiate(stack, total(class_objective(), stack))
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_scores_are_means_over_views_and_images_without_their_weight() -> None:
    stack = noisy()
    objective = class_objective(weight=-0.3)
    _, scores = measure(stack, [objective])
    pixels = stack.pixels()
    logits = objective.judge(views_by_hand(pixels, stack.spec, 32))
    assert scores == {"class 3": pytest.approx(float(logits[:, 3].mean()), rel=1e-5)}


def test_the_weight_is_that_of_the_moment() -> None:
    stack = noisy()
    fading = ScheduledObjective(class_objective(weight=2.0), 1.0, 0.0)
    now, _ = measure(stack, [fading])
    full, _ = measure(stack, [class_objective(weight=2.0)])
    torch.testing.assert_close(now, (1 - PACE.progress) * full)


def test_objectives_of_one_judge_add_up() -> None:
    stack, model = noisy(), classifier()
    first, second = ClassObjective(model, ((3, 1.0),)), ClassObjective(model, ((5, 1.0),), weight=-0.5)
    together, scores = measure(stack, [first, second])
    expected = differentiate(stack, total(first, stack)) - 0.5 * differentiate(stack, total(second, stack))
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert list(scores) == ["class 3", "class 5"]


def test_objectives_add_up_in_the_step_that_they_lead_to() -> None:
    def moved(*objectives: ClassObjective) -> Tensor:
        # Emphasis depends on the gradient, so steps with it do not add up.
        focus = Focus(emphasis=0.0)
        ascent = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, optimizer=SGD(1.0), schedule="constant", focus=focus)
        return next(iter(ascent)).stack.canvas

    model = classifier()
    first, second = ClassObjective(model, ((3, 1.0),)), ClassObjective(model, ((5, 1.0),), weight=-0.5)
    torch.testing.assert_close(moved(first, second), moved(first) + moved(second), rtol=1e-4, atol=1e-3)


def test_the_gradient_of_a_second_judge_has_the_scale_of_the_first() -> None:
    stack = noisy()
    first, second = class_objective(3, weight=2.0), class_objective(5, weight=-0.5, seed=1)
    gradient, _ = measure(stack, [first, second])
    one = 2.0 * differentiate(stack, total(first, stack))
    other = -0.5 * differentiate(stack, total(second, stack, number=1))
    operator = stack.spec.operator(CPU)
    # Measured by the change of the canvas, low-passed as the steps of this moment are, for each image by itself.
    sizes = [operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in (one, other)]
    factor = (sizes[0] / 2.0) / (sizes[1] / 0.5)
    expected = one + other * factor[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_under_a_region_only_what_lies_there_counts() -> None:
    stack = noisy()
    mask = torch.zeros(1, 32, 32)
    mask[:, 4:24, 8:30] = torch.linspace(0.1, 1.0, 22)
    gradient, _ = measure(stack, [RegionObjective(class_objective(), mask)])
    region = active_region([mask], stack, (0, 0, *SPEC.canvas))
    assert region.mask is not None
    expected = differentiate(stack, total(class_objective(), stack, region=region), region.mask)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    assert bool((gradient[(region.mask == 0).expand_as(gradient)] == 0).all())


def test_the_support_is_the_union_of_all_regions() -> None:
    left, right = torch.zeros(2, 1, 32, 32)
    left[:, :, :20], right[:, :, 14:] = 1.0, 0.5
    stack = noisy()

    def support(*objectives: Objective) -> Tensor | None:
        return Scoring(stack, name_objectives(objectives), VIEWS, SEED).support.mask

    one, other = RegionObjective(class_objective(), left), RegionObjective(class_objective(), right)
    united = support(one, other)
    assert united is not None
    assert united[0, 0, 20, 8:40].tolist() == [1.0] * 20 + [0.5] * 12
    assert support(one, other, class_objective(seed=1)) is None


def test_in_a_masked_stack_judges_see_the_surroundings_and_what_is_masked_counts() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 6:26, 6:26] = 1
    around = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    stack = noisy().place_into(around, mask, feather=3)
    gradient, _ = measure(stack, [class_objective()])
    region = active_region([], stack, (0, 0, *SPEC.canvas))
    # The mask counts once, as the share that the canvas has in what is shown.
    expected = differentiate(stack, total(class_objective(), stack, region=region))
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("kind", ["total_variation", "l2", "spectrum", "range"])
def test_an_objective_without_a_judge_is_given_the_whole_canvas_and_its_start(kind: str) -> None:
    stack = noisy()
    stack = replace(stack, start=stack.start.flip(3))
    prior = Prior(kind, weight=0.4)  # type: ignore[arg-type]
    gradient, scores = measure(stack, [prior])
    start = (torch.tanh(to_rgb(stack.start, stack.spec.color)) + 1) / 2
    expected = 0.4 * differentiate(stack, lambda pixels: prior.score(CanvasPixels(pixels, start)).sum())
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    (score,) = scores.values()
    assert score == pytest.approx(float(prior.score(CanvasPixels(stack.pixels(), start)).mean()), rel=1e-4)


@pytest.mark.parametrize("chunk", [1, 4, 5, 12])
def test_chunks_change_neither_the_gradient_nor_the_scores(chunk: int) -> None:
    # Twelve views: chunks that end within an image, and that span two.
    stack, objectives = noisy(), [class_objective(), class_objective(5, seed=1)]
    gradient, scores = measure(stack, objectives, chunk=chunk)
    whole, expected = measure(stack, objectives)
    assert float((gradient - whole).norm() / whole.norm()) < 1e-5
    assert scores == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("chunk", [1, 5, 0])
def test_chunks_change_nothing_but_rounding_in_a_step(chunk: int) -> None:
    stack = ImageStack.gray(SPEC, 2)
    whole = Ascent(stack, [class_objective()], VIEWS, chunk=12)
    parts = Ascent(stack, [class_objective()], VIEWS, chunk=chunk)
    first = next(iter(whole))
    again = next(iter(parts))
    assert again.record.gradient_norm == pytest.approx(first.record.gradient_norm, rel=1e-5)
    difference = (again.stack.canvas - first.stack.canvas).norm() / first.stack.canvas.norm()
    assert difference < 1e-5


class Recorder(nn.Module):
    """Answers with its views, and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[Tensor] = []

    def forward(self, views: Tensor) -> Tensor:
        self.views.append(views.detach().clone())
        return views


class Shared(nn.Module):
    """Another module that keeps its views where a recorder does."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def forward(self, views: Tensor) -> Tensor:
        return self.recorder(views)


def test_every_judge_sees_views_of_its_own_and_objectives_of_one_judge_share_them() -> None:
    recorder = Recorder()
    one, other = judge(recorder), judge(Shared(recorder), size=24)
    measure(ImageStack.gray(SPEC), [Output(one, "a"), Output(other, "b"), Output(one, "c")])
    assert [tuple(views.shape[2:]) for views in recorder.views] == [(16, 16), (24, 24)]


def test_judges_of_one_size_draw_views_of_their_own() -> None:
    stack, recorder = noisy(), Recorder()
    measure(stack, [Output(judge(recorder, size=24), "a"), Output(judge(Shared(recorder), size=24), "b")])
    for number, views in enumerate(recorder.views):
        torch.testing.assert_close(views, views_by_hand(stack.pixels(), stack.spec, 24, number))
    assert not torch.equal(*recorder.views)


def test_a_score_of_weight_0_is_measured_and_leaves_the_gradient_alone() -> None:
    stack = noisy()
    silent = class_objective(5, weight=0.0, seed=1)
    gradient, scores = measure(stack, [class_objective(), silent])
    alone, _ = measure(stack, [class_objective()])
    torch.testing.assert_close(gradient, alone)
    expected = silent.judge(views_by_hand(stack.pixels(), stack.spec, 32, number=1))[:, 5].mean()
    assert scores["class 5"] == pytest.approx(float(expected), rel=1e-5)


def test_a_judge_that_does_not_look_has_a_gradient_of_0() -> None:
    class Blind(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return torch.ones(len(views), 1)

    gradient, scores = measure(noisy(), [Output(judge(Blind()))])
    assert not bool(gradient.any())
    assert scores == {"output": pytest.approx(1.0)}


def test_the_canvas_is_left_as_it_is() -> None:
    stack = noisy()
    before = stack.canvas.clone()
    gradient, _ = measure(stack, [class_objective()])
    assert torch.equal(stack.canvas, before)
    assert not stack.canvas.requires_grad
    assert not gradient.requires_grad


def picture(batch: int = 1, height: int = 50, width: int = 60) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(7))


def content_by_hand(
    stack: ImageStack, content: ContentObjective, region: ActiveRegion | None = None
) -> Callable[[Tensor], Tensor]:
    """The scores of all views, with the image seen through the very same windows, flips and noise."""
    spec = stack.spec
    canvases = place_on_canvas(content.image, (spec.height, spec.width), spec.margin).expand(stack.batch, -1, -1, -1)

    def scores(pixels: Tensor) -> Tensor:
        seen, aim = (
            content.judge(views_by_hand(shown, spec, content.judge.size, region=region))[content.layer]
            for shown in (pixels, canvases)
        )
        return -(seen - aim).square().flatten(1).sum(dim=1) / aim.square().flatten(1).sum(dim=1)

    return scores


@pytest.mark.parametrize("images", [1, 2])
def test_reference_images_are_seen_through_the_very_same_views(images: int) -> None:
    stack = noisy()
    content = ContentObjective.from_images(classifier(), picture(images), "2")
    gradient, scores = measure(stack, [content], chunk=5)
    by_hand = content_by_hand(stack, content)
    assert scores == {"content": pytest.approx(float(by_hand(stack.pixels()).mean()), rel=1e-4)}
    expected = differentiate(stack, lambda pixels: by_hand(pixels).sum() / VIEWS.views)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_reference_images_of_a_region_are_seen_in_its_box() -> None:
    stack = noisy()
    mask = torch.zeros(1, 32, 32)
    mask[:, 2:20, 10:32] = 1
    content = ContentObjective.from_images(classifier(), picture(), "2")
    _, scores = measure(stack, [RegionObjective(content, mask)])
    region = active_region([mask], stack, (0, 0, *SPEC.canvas))
    expected = content_by_hand(stack, content, region)(stack.pixels()).mean()
    assert scores == {"content": pytest.approx(float(expected), rel=1e-4)}


def film(frames: int = 4, **spec: object) -> ImageStack:
    return ImageStack.noise(replace(SPEC, time=Time(frames), **spec), amplitude=0.8)  # type: ignore[arg-type]


def film_views(
    scoring: Scoring, pixels: Tensor, spec: StackSpec, size: int, number: int = 0
) -> tuple[Tensor, list[int]]:
    """The views of the film that a group sees, all at once, and the frame of each."""
    keys = scoring.choose_keys(0, STEP, len(pixels))
    views = VIEWS(pixels, ViewGeometry(spec.canvas, spec.margin, size), Draws(keys, CPU, 0.5, 0.25))
    return views, [key.image for key in keys if key.image is not None]


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_the_views_of_a_step_are_spread_over_a_film(chunk: int) -> None:
    """Six views of ten frames: the gradient is that of autograd from these six, and 0 at the frames in between."""
    stack, model = film(10), classifier()
    one, other = (ClassObjective(model, ((number, 1.0),)) for number in (3, 5))
    tracks = [Track(one, ((0, 1.0), (9, 0.0))), Track(other, ((0, 0.0), (9, 1.0)), curve="cosine")]
    scoring = Scoring(stack, name_objectives(tracks), VIEWS, SEED)
    shown: list[int] = []

    def score(pixels: Tensor) -> Tensor:
        views, frames = film_views(scoring, pixels, stack.spec, 32)
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
    views, frames = film_views(scoring, stack.pixels(), stack.spec, 32)
    share = 1 - torch.tensor(frames) / 9
    assert scores["class 3"] == pytest.approx(float((share * model(views)[:, 3]).sum() / share.sum()), rel=1e-4)


def test_frames_on_which_nothing_counts_are_not_shown() -> None:
    stack = film(12)
    early = Track(class_objective(), ((0, 1.0), (3, 0.0)))
    late = Track(class_objective(seed=1), ((8, 0.0), (11, 1.0)))
    scoring = Scoring(stack, name_objectives([early, late]), Augmentation(8, VIEWS.windows), SEED)
    assert scoring.shown == [[0, 1, 2], [9, 10, 11]]
    for step in range(20):
        frames = [{key.image for key in scoring.choose_keys(number, step, 12)} for number in (0, 1)]
        assert frames[0] <= {0, 1, 2}
        assert frames[1] <= {9, 10, 11}
        # In proportion: a quarter of the film, a quarter of the views.
        assert [len(scoring.choose_keys(number, step, 12)) for number in (0, 1)] == [2, 2]


def test_groups_of_a_film_count_over_all_of_it() -> None:
    """The move of the second judge is measured over the film, and in proportion to the frames that it acts on."""
    stack = film(4)
    first, second = class_objective(3), Track(class_objective(5, seed=1), ((0, 0.0), (1, 0.5), (2, 0.0)))
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    added = whole - one
    operator = stack.spec.operator(CPU)
    sizes = [float(operator.precondition(part, PACE.cutoff(48), PACE.tilt).norm()) for part in (one, added)]
    assert sizes[1] / sizes[0] == pytest.approx((0.5**2 / 4) ** 0.5, rel=1e-3)


def test_pictures_of_a_batch_may_have_weights_of_their_own() -> None:
    """Without time: the track of a batch weights every image by itself, and one of weight 0 is not looked at."""
    stack, model = noisy(batch=3), classifier()
    objective = ClassObjective(model, ((3, 1.0),))
    gradient, _ = measure(stack, [Track.from_weights(objective, [1.0, 0.0, -0.5])])
    plain, _ = measure(stack, [objective])
    expected = plain * torch.tensor([1.0, 0.0, -0.5])[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    scoring = Scoring(stack, name_objectives([Track.from_weights(objective, [1.0, 0.0, -0.5])]), VIEWS, SEED)
    assert {key.image for key in scoring.choose_keys(0, STEP, 3)} == {0, 2}


def test_two_judges_of_a_batch_are_balanced_by_the_weights_of_each_image() -> None:
    stack = noisy(batch=2)
    first, second = class_objective(3), Track.from_weights(class_objective(5, seed=1), [0.5, 0.0])
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    operator = stack.spec.operator(CPU)
    sizes = [
        operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in (one, whole - one)
    ]
    torch.testing.assert_close(sizes[1] / sizes[0], torch.tensor([0.5, 0.0]), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("focus", [None, Focus()])
def test_frames_by_themselves_and_all_at_once_have_the_same_gradient(focus: Focus | None) -> None:
    masks = torch.zeros(3, 32, 32)
    for frame in range(3):
        masks[frame, 2 : 2 + 24, 2 * frame : 2 * frame + 24] = 1
    stack = film(3).place_into(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)), masks, feather=2)
    asked: list[Objective] = [class_objective()]
    scoring = Scoring(stack, name_objectives(asked), VIEWS, SEED)
    some, _ = ScoreGradient(scoring, focus)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), 4)
    asked.append(Prior("total_variation", weight=0.0))
    # A prior looks at all frames, so all are rendered; it has no weight here.
    scoring = Scoring(stack, name_objectives(asked), VIEWS, SEED)
    every, _ = ScoreGradient(scoring, focus)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), 4)
    torch.testing.assert_close(some, every, rtol=1e-4, atol=1e-6 * float(every.abs().max()))
    assert stack.surroundings is not None
    assert not some[(stack.surroundings.mask == 0).expand_as(some)].any()


def zoomed(**settings: object) -> ImageStack:
    """Three depths in each other, and between each two a moment that views show as well: five in all."""
    zoom = Zoom(3, between=1, **settings)  # type: ignore[arg-type]
    return ImageStack.noise(StackSpec(32, 32, 6, zoom=zoom), amplitude=0.8)


def ask_by_depth(stack: ImageStack) -> list[Objective]:
    model = classifier()
    wishes = {depth: 3 + depth for depth in range(3)}
    return list(make_tracks(wishes, lambda number: ClassObjective(model, ((number, 1.0),))))


NARROW = replace(VIEWS, windows=Windows(6))


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("loop", [False, True])
def test_views_of_a_zoom_reach_all_depths_that_they_show(chunk: int, loop: bool) -> None:
    """The gradient at the depths is that of autograd through what is seen at every moment."""
    stack = zoomed(loop=loop)
    tracks, model, operator = ask_by_depth(stack), classifier(), stack.spec.zoom_operator
    assert operator is not None
    moments = operator.zoom.moments
    scoring = Scoring(stack, name_objectives(tracks), NARROW, SEED)
    keys = scoring.choose_keys(0, STEP, len(moments))

    canvas = stack.canvas.clone().requires_grad_()
    pixels = torch.sigmoid(2 * to_rgb(operator.forward(canvas, moments), stack.spec.color))
    views = NARROW(pixels, ViewGeometry(stack.spec.canvas, 6, 32), Draws(keys, CPU, 0.5, 0.25))
    logits, total = model(views), torch.zeros(())
    for number, key in enumerate(keys):
        assert key.image is not None
        for depth in range(3):
            apart = abs(moments[key.image] - depth)
            share = max(0.0, 1 - (min(apart, 3 - apart) if loop else apart))
            total = total + len(moments) / len(keys) * share * logits[number, 3 + depth]
    total.backward()
    assert canvas.grad is not None
    measured = ScoreGradient(scoring)(stack.canvas, STEP, PACE, stack.spec.operator(CPU), chunk)[0]
    assert measured.shape == stack.canvas.shape
    torch.testing.assert_close(measured, canvas.grad, rtol=1e-4, atol=1e-5 * float(canvas.grad.abs().max()))


def test_a_prior_of_a_zoom_looks_at_every_moment() -> None:
    stack = zoomed()
    prior = Prior("total_variation")
    gradient, scores = measure(stack, [*ask_by_depth(stack), prior], NARROW)
    assert gradient.shape == stack.canvas.shape
    assert list(scores) == ["class 3", "class 4", "class 5", "total variation"]
    alone, _ = measure(stack, [prior], NARROW)
    assert all(bool(depth.any()) for depth in alone)
