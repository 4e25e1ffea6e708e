"""What groups of terms are shown and how they score: views, references, frames that count, and pictures one by one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case, refuses
from das_core.ascent.active_region import ActiveRegion, active_region
from das_core.ascent.pace import Pace
from das_core.common.images import place_on_canvas
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.layers.activations import ActivationJudge, Activations, make_activation_judge
from das_core.views.augmentation import WHOLE
from das_core.views.draws import Draws, ViewKey
from das_core.views.sampling import Pyramid
from das_core.views.windows import ViewGeometry
from gradient_by_hand import CPU, SEED, STEP, differentiate, film, measure, noisy, views_by_hand
from toys import SPEC, VIEWS, ask, classifier, judge, make_scoring, output_objective, toy_class


def test_the_support_is_the_union_of_all_regions() -> None:
    left, right = torch.zeros(2, 1, 32, 32)
    left[:, :, :20], right[:, :, 14:] = 1.0, 0.5
    stack = noisy()
    one, other = da.in_region(toy_class(), left), da.in_region(toy_class(), right)
    united = make_scoring(stack, [one, other], VIEWS, SEED).support.mask
    assert united is not None
    assert united[0, 0, 20, 8:40].tolist() == [1.0] * 20 + [0.5] * 12
    assert make_scoring(stack, [one, other, toy_class(seed=1)], VIEWS, SEED).support.mask is None


@each_case("pace", Pace(0.5, 0.4, 0.3), Pace(1.0, 0.0, 0.0), Pace(1.0, 1.0, 0.3), Pace(1.0, 1.0, 1.0))
def test_a_judge_sees_the_windows_flips_and_noise_of_the_keys_at_this_moment(pace: Pace) -> None:
    """Each view by itself, of windows that depend on both kinds of progress."""

    def fade(views: Tensor, draws: Draws) -> Tensor:
        return views * draws.progress

    transforms: tuple[da.views.Transform, ...] = (da.views.Flip(), da.views.Noise(0.1), fade)
    views = da.views.Augmentation(4, da.views.Windows(8), transforms)
    stack = noisy()
    scoring = make_scoring(stack, [output_objective(judge(nn.Identity()), "o")], views, SEED)
    shown = [(outputs["o"], images) for outputs, images, _ in scoring.evaluate(0, Pyramid(stack.pixels()), 5, pace, 3)]
    rows = []
    for item in range(2):
        for number in range(4):
            draws = Draws([ViewKey(SEED, item, 5, number, 0, item)], CPU, pace.coarse_progress, pace.progress)
            view = views.windows(Pyramid(stack.pixels()), ViewGeometry(SPEC.canvas, SPEC.margin, 16), draws)
            for transform in transforms:
                view = transform(view, draws)
            rows.append(view)
    torch.testing.assert_close(torch.cat([output for output, _ in shown]), torch.cat(rows))
    assert torch.cat([images for _, images in shown]).tolist() == [0] * 4 + [1] * 4


def picture(batch: int = 1, height: int = 50, width: int = 60) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(7))


def view_scores(stack: da.ImageStack, content: da.Objective, region: ActiveRegion | None) -> Callable[[Tensor], Tensor]:
    """The scores of all views, with the image seen through the very same windows, flips and noise."""
    spec = stack.spec
    (term,) = content.list_terms()
    assert isinstance(term.judge, ActivationJudge)
    judge, layer = term.judge, term.judge.layers[0].name
    reference = term.references[0].expand(stack.batch, -1, -1, -1)
    canvases = place_on_canvas(reference, (spec.height, spec.width), spec.margin)

    def scores(pixels: Tensor) -> Tensor:
        both = (views_by_hand(shown, spec, judge.size, region=region) for shown in (pixels, canvases))
        seen, aim = (judge(views)[layer] for views in both)
        return -(seen - aim).square().flatten(1).sum(dim=1) / aim.square().flatten(1).sum(dim=1)

    return scores


@each_case("images, boxed", (1, False), (2, False), (1, True))
def test_reference_images_are_seen_through_the_very_same_views_also_in_a_box(images: int, boxed: bool) -> None:
    stack, mask = noisy(), torch.zeros(1, 32, 32)
    mask[:, 2:20, 10:32] = 1
    content = da.content(picture(images), "2").on(classifier())
    region = active_region([mask], stack, (0, 0, *SPEC.canvas)) if boxed else None
    gradient, scores = measure(stack, [da.in_region(content, mask) if boxed else content], chunk=5)
    by_hand = view_scores(stack, content, region)
    assert scores == {"content": pytest.approx(float(by_hand(stack.pixels()).mean()), rel=1e-4)}
    expected = differentiate(stack, lambda pixels: by_hand(pixels).sum() / VIEWS.views, region.mask if region else None)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def keep_references(seen: Any, images: tuple[Tensor, ...], kept: list[Activations]) -> da.Objective:
    """Return an objective that keeps the references it is given."""

    def score(output: Activations, _: Tensor) -> Tensor:
        kept.extend(output.references)
        return output["1"].flatten(1).mean(dim=1)

    return ask(score, seen, "references", references=images)


def test_objectives_that_share_a_judge_are_each_given_their_own_references_without_gradients() -> None:
    seen = make_activation_judge(judge(nn.Sequential(nn.Identity(), nn.Identity())), ["1"])
    kept: list[list[Activations]] = [[], [], []]
    values = [(0.2, 0.4), (0.6,), ()]
    asked = [
        keep_references(seen, tuple(torch.full((1, 3, 9, 9), value, requires_grad=True) for value in some), into)
        for some, into in zip(values, kept, strict=True)
    ]
    measure(noisy(), asked, replace(VIEWS, transforms=()))
    for some, into in zip(values, kept, strict=True):
        assert [float(reference["1"].mean()) for reference in into] == pytest.approx(some)
        assert all(reference["1"].shape == (12, 3, 16, 16) for reference in into)
        assert not any(reference["1"].requires_grad for reference in into)


def test_frames_on_which_nothing_counts_are_not_shown() -> None:
    early = da.over_frames(toy_class(), ((0, 1.0), (3, 0.0)))
    late = da.over_frames(toy_class(seed=1), ((8, 0.0), (11, 1.0)))
    scoring = make_scoring(film(12), [early, late], da.views.Augmentation(8, VIEWS.windows), SEED)
    assert [group.shown for group in scoring.plan.groups] == [[0, 1, 2], [9, 10, 11]]
    for step in range(STEP, STEP + 9):
        frames = [[key.image for key in scoring.choose_keys(number, step, 12)] for number in (0, 1)]
        assert set(frames[0]) <= {0, 1, 2}
        assert set(frames[1]) <= {9, 10, 11}
        # In proportion: a quarter of the film, a quarter of the views.
        assert [len(some) for some in frames] == [2, 2]


def score_images(objectives: Sequence[da.Objective], batch: int = 2, chunk: int = 100) -> dict[str, Tensor]:
    stack = da.ImageStack.noise(SPEC, batch, amplitude=0.8)
    return make_scoring(stack, objectives, VIEWS, 5).score_images(stack.pixels(), Pace(0.7, 0.5, 0.25), chunk)


def test_a_whole_picture_is_shown_to_all_models_that_divide_the_views() -> None:
    stack, asked = da.ImageStack.noise(SPEC), (toy_class(), toy_class(seed=1))

    def score(objective: da.Objective) -> Tensor:
        found = make_scoring(stack, objective, WHOLE, 0).score_images(stack.pixels(), Pace(1.0, 1.0), 4)
        return torch.stack([*found.values()])

    torch.testing.assert_close(score(da.share_views(*asked)), torch.stack([*map(score, asked)]).mean(dim=0))


def test_images_are_scored_one_by_one_through_the_same_views() -> None:
    together = score_images([toy_class()])["class 3"]
    torch.testing.assert_close(together[:1], score_images([toy_class()], batch=1)["class 3"])
    assert together[0] != together[1]
    grey = da.ImageStack.gray(SPEC, 2)
    same = make_scoring(grey, [toy_class()], VIEWS, 5).score_images(grey.pixels(), Pace(1.0, 1.0), 100)["class 3"]
    assert float(same[0]) == pytest.approx(float(same[1]), abs=1e-6)
    # An objective of several terms is scored by the views of all of them.
    both = da.classes(((3, 1.0),)).on(ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)]))
    assert score_images([both])["class 3"].shape == (2,)
    # Chunks change nothing but rounding.
    asked = [toy_class(), da.prior()]
    expected = score_images(asked)
    for chunk in (1, 5):
        torch.testing.assert_close(score_images(asked, chunk=chunk), expected, rtol=1e-4, atol=1e-5)


@each_case(
    ("answer", "says"),
    (lambda output: output, r"torch.float32, \(12, 3, 16, 16\)"),
    (lambda output: output.mean(), r"torch.float32, \(\)"),
    (lambda output: output.mean(dim=(1, 2, 3)) > 0, r"torch.bool, \(12,\)"),
    (lambda output: output.mean().item(), "float"),
)
def test_a_score_that_is_not_one_number_for_each_view_is_named(answer: Callable[[Tensor], Any], says: str) -> None:
    with pytest.raises(ValueError, match=rf"'output' scores 12 views with {says}; its score must be .*\(12,\)"):
        measure(noisy(), [ask(lambda output, images: answer(output), judge(nn.Identity()))])


def content(images: int) -> da.Objective:
    return da.content(picture(images)).on(classifier())


SEEN = make_activation_judge(classifier(), ["1"])
UNSEEN = "'references' compares with reference images, which takes a judge that tells its activations"
# Each of several references is checked, also those of an objective inside others.
TWO = keep_references(SEEN, (picture(), picture(3)), [])
BOXED = da.over_steps(da.in_region(content(3), torch.ones(1, 8, 8)))


test_reference_images_that_do_not_fit_are_refused_at_once = refuses(
    lambda objective, batch: da.Ascent(da.ImageStack.gray(SPEC, batch), objective, VIEWS),
    (content(3), 2, "3 images to compare with do not go with 2 images: use 1 or 2"),
    (TWO, 2, "3 images to compare with do not go with 2 images: use 1 or 2"),
    (BOXED, 1, "3 images to compare with do not go with 1 image: use 1$"),
    *((toy_class() + keep_references(asked, (picture(),), []), 1, UNSEEN) for asked in (classifier(), None)),
)


@each_case(
    ("series", "says"),
    ({"time": da.stack.Time(3)}, "3 images: use 1 or 3"),
    ({"zoom": da.stack.Zoom(3), "margin": 8}, "9 moments: use 1 or 9"),
)
def test_the_wanted_number_of_reference_images_is_that_of_frames_or_moments(series: dict[str, Any], says: str) -> None:
    stack = da.ImageStack.gray(replace(SPEC, **series))
    with pytest.raises(ValueError, match=f"^2 images to compare with do not go with {says}$"):
        make_scoring(stack, [content(2)], VIEWS, 5)
    make_scoring(stack, [content(len(stack.spec.find_timeline(stack.batch).moments))], VIEWS, 5)
