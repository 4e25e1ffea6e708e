"""Scores of objectives through views: what a term is given, what it may answer, and the references it compares with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from das_core.ascent.groups import name_objectives
from das_core.ascent.loop import Ascent
from das_core.ascent.pace import Pace
from das_core.ascent.scoring import Scoring
from das_core.common.interruption import interruptible
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.base import BaseObjective, Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.content import ContentObjective
from das_core.objectives.diversity import DiversityObjective
from das_core.objectives.prior import Prior
from das_core.objectives.track import Track
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from stops import Stop, StopError, count_looks
from toys import SPEC, VIEWS, Output, class_objective, classifier, judge

PACE = Pace(rate=0.7, coarse_progress=0.5, progress=0.25)


def measure(
    objectives: Sequence[Objective], augmentation: Augmentation = VIEWS, batch: int = 2, chunk: int = 100
) -> dict[str, Tensor]:
    """The scores of the images of a batch, one by one."""
    stack = ImageStack.noise(SPEC, batch, amplitude=0.8)
    return Scoring(stack, name_objectives(objectives), augmentation, 5).measure_scores(stack.pixels(), PACE, chunk)


def picture(batch: int = 1, height: int = 50, width: int = 60) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(7))


def test_images_are_scored_one_by_one_through_the_same_views() -> None:
    alone = measure([class_objective()], batch=1)["class 3"]
    together = measure([class_objective()])["class 3"]
    torch.testing.assert_close(together[:1], alone)
    assert together[0] != together[1]
    same = Scoring(ImageStack.gray(SPEC, 2), name_objectives([class_objective()]), VIEWS, 5)
    one, other = same.measure_scores(ImageStack.gray(SPEC, 2).pixels(), PACE, 100)["class 3"]
    assert float(one) == pytest.approx(float(other), abs=1e-6)


@pytest.mark.parametrize("chunk", [1, 5])
def test_chunks_change_nothing_but_rounding(chunk: int) -> None:
    asked = [class_objective(), Prior()]
    for name, scores in measure(asked, chunk=chunk).items():
        torch.testing.assert_close(scores, measure(asked)[name], rtol=1e-4, atol=1e-5)


def test_an_objective_of_several_terms_is_scored_by_the_views_of_all_of_them() -> None:
    models = [classifier(seed=1), classifier(seed=2)]
    both = ClassObjective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    scoring = Scoring(ImageStack.gray(SPEC), name_objectives([both]), VIEWS, 5)
    assert [group.choose_views(VIEWS.views, 0) for group in scoring.groups] == [[0, 2, 4], [1, 3, 5]]
    assert [asked.name for asked in scoring.judges] == ["toy", "toy"]
    assert measure([both])["class 3"].shape == (2,)


@dataclass(frozen=True)
class References(BaseObjective):
    """An objective that keeps the references it is given."""

    judge: object
    images: tuple[Tensor, ...]
    kept: list[Activations]
    weight: float = 1.0
    name: str = "references"

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        return self.images

    def score(self, output: Activations) -> Tensor:
        self.kept.extend(output.references)
        return output["1"].flatten(1).mean(dim=1)


def test_objectives_that_share_a_judge_are_each_given_their_own_references() -> None:
    seen = make_activation_judge(judge(nn.Sequential(nn.Identity(), nn.Identity())), ["1"])
    plain = replace(VIEWS, transforms=())
    kept: list[list[Activations]] = [[], [], []]
    values = [(0.2, 0.4), (0.6,), ()]
    asked = [
        References(seen, tuple(torch.full((1, 3, 9, 9), value) for value in some), into)
        for some, into in zip(values, kept, strict=True)
    ]
    measure(asked, plain)  # type: ignore[arg-type]
    for some, into in zip(values, kept, strict=True):
        assert [float(reference["1"].mean()) for reference in into] == pytest.approx(some)
        assert all(reference["1"].shape == (12, 3, 16, 16) for reference in into)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda output: output, r"torch.float32, \(12, 3, 16, 16\)"),
        (lambda output: output.mean(), r"torch.float32, \(\)"),
        (lambda output: output.mean(dim=(1, 2, 3)) > 0, r"torch.bool, \(12,\)"),
        (lambda output: output.mean().item(), "float"),
    ],
)
def test_a_score_that_is_not_one_number_for_each_view_is_named(answer: Callable[[Tensor], Any], says: str) -> None:
    @dataclass(frozen=True)
    class Own(Output):
        def score(self, output: Tensor) -> Any:  # type: ignore[override]
            return answer(output)

    with pytest.raises(ValueError, match=rf"'output' scores 12 views with {says}; its `score` must return .*\(12,\)"):
        measure([Own(judge(nn.Identity()))])


@pytest.mark.parametrize(("images", "batch"), [(3, 2), (2, 1), (2, 3)])
def test_reference_images_that_do_not_go_with_the_stack_are_refused_at_once(images: int, batch: int) -> None:
    content = ContentObjective.from_images(classifier(), picture(images))
    says = f"{images} images to compare with do not go with a stack of {batch}: use 1"
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.gray(SPEC, batch), [content], VIEWS)


@pytest.mark.parametrize("number", [0, 1])
def test_each_of_several_reference_images_is_checked(number: int) -> None:
    images = [picture(), picture()]
    images[number] = picture(3)
    seen = make_activation_judge(classifier(), ["1"])
    with pytest.raises(ValueError, match="3 images to compare with do not go with a stack of 2"):
        Ascent(ImageStack.gray(SPEC, 2), [References(seen, tuple(images), [])], VIEWS)  # type: ignore[list-item]


@pytest.mark.parametrize("asked", [classifier(), None], ids=["a classifier", "the picture itself"])
def test_reference_images_without_a_judge_of_activations_are_refused_at_once(asked: object) -> None:
    objective = References(asked, (picture(),), [])
    says = "'references' compares with reference images, which takes a judge that tells its activations"
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.gray(SPEC), [class_objective(), objective], VIEWS)  # type: ignore[list-item]


def test_a_wrapped_objective_keeps_its_reference_images() -> None:
    content = ContentObjective.from_images(classifier(), picture(3))
    with pytest.raises(ValueError, match="3 images to compare with do not go with a stack of 1"):
        Ascent(ImageStack.gray(SPEC), [ScheduledObjective(RegionObjective(content, torch.ones(1, 8, 8)))], VIEWS)


def test_a_step_that_is_ended_anywhere_has_done_nothing() -> None:
    whole = Ascent(ImageStack.gray(SPEC), [class_objective()], VIEWS, steps=3, chunk=2).run()
    ascent = Ascent(ImageStack.gray(SPEC), [class_objective()], VIEWS, steps=3, chunk=2)
    next(iter(ascent))
    # Of another ascent, whose first step has filled the caches.
    step = count_looks(lambda: next(iter(Ascent(ascent.stack, [class_objective()], VIEWS, steps=1, chunk=2))))
    for at in (1, step // 3, step // 2, step - 1):
        with pytest.raises(StopError), interruptible(Stop(at)):
            ascent.run()
        assert (len(ascent.history), ascent.stack.steps, ascent.chunk) == (1, 1, 2)
    assert torch.equal(ascent.run().image, whole.image)


def test_what_compares_images_has_no_place_in_a_film_or_in_a_part_of_a_batch() -> None:
    apart = DiversityObjective.from_layer(classifier(), "0")
    with pytest.raises(ValueError, match="makes images differ, and frames belong together; leave it out"):
        Scoring(ImageStack.gray(replace(SPEC, time=Time(3))), name_objectives([apart]), VIEWS, 5)
    track = Track.from_weights(apart, [1.0, 0.0])
    with pytest.raises(ValueError, match="compares all images, so it has to count for all of them"):
        Scoring(ImageStack.gray(SPEC, 2), name_objectives([track]), VIEWS, 5)


def test_the_weights_of_a_track_fit_the_film() -> None:
    film = ImageStack.gray(replace(SPEC, time=Time(3)))
    with pytest.raises(ValueError, match="keyframe 9 of 'class 3' is beyond the end of 3 frames"):
        Scoring(film, name_objectives([Track(class_objective(), ((9, 1.0),))]), VIEWS, 5)
    nothing = Track.from_weights(class_objective(), [0.0, 0.0, 0.0])
    scoring = Scoring(film, name_objectives([nothing, Prior()]), VIEWS, 5)
    assert scoring.shown[0] == [0, 1, 2]
    assert scoring.weigh_group(0, 0.5) == 0


def test_a_group_counts_by_the_sum_of_its_weights() -> None:
    model = classifier()
    one = Track.from_weights(ClassObjective(model, ((3, 1.0),), weight=2.0), [1.0, 0.5])
    other = ClassObjective(model, ((5, 1.0),), weight=-1.0)
    pictures = Scoring(ImageStack.gray(SPEC, 2), name_objectives([one, other]), VIEWS, 5)
    weights = pictures.weigh_group(0, 0.5)
    assert isinstance(weights, Tensor)
    assert weights.flatten().tolist() == [3.0, 2.0]
    film = Scoring(ImageStack.gray(replace(SPEC, time=Time(2))), name_objectives([one, other]), VIEWS, 5)
    assert film.weigh_group(0, 0.5) == pytest.approx(6.5**0.5)
    assert Scoring(ImageStack.gray(SPEC, 2), name_objectives([other]), VIEWS, 5).weigh_group(0, 0.5) == 1.0
