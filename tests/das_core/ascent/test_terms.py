"""What a term may ask for and answer: references, comparisons and scores that do not fit are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.change import in_region, over_steps
from das_core.objectives.content import content_objective
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from gradient_by_hand import measure, noisy
from toys import SPEC, VIEWS, ask, classifier, judge, make_scoring, toy_class


def picture(batch: int = 1, height: int = 50, width: int = 60) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(7))


def keep_references(seen: Any, images: tuple[Tensor, ...], kept: list[Activations]) -> Objective:
    """Return an objective that keeps the references it is given."""

    def score(output: Activations, _: Tensor) -> Tensor:
        kept.extend(output.references)
        return output["1"].flatten(1).mean(dim=1)

    return ask(score, seen, "references", references=images)


def test_objectives_that_share_a_judge_are_each_given_their_own_references() -> None:
    seen = make_activation_judge(judge(nn.Sequential(nn.Identity(), nn.Identity())), ["1"])
    plain = replace(VIEWS, transforms=())
    kept: list[list[Activations]] = [[], [], []]
    values = [(0.2, 0.4), (0.6,), ()]
    asked = [
        keep_references(seen, tuple(torch.full((1, 3, 9, 9), value) for value in some), into)
        for some, into in zip(values, kept, strict=True)
    ]
    measure(noisy(), asked, plain)  # type: ignore[arg-type]
    for some, into in zip(values, kept, strict=True):
        assert [float(reference["1"].mean()) for reference in into] == pytest.approx(some)
        assert all(reference["1"].shape == (12, 3, 16, 16) for reference in into)


@each_case(
    ("answer", "says"),
    [
        (lambda output: output, r"torch.float32, \(12, 3, 16, 16\)"),
        (lambda output: output.mean(), r"torch.float32, \(\)"),
        (lambda output: output.mean(dim=(1, 2, 3)) > 0, r"torch.bool, \(12,\)"),
        (lambda output: output.mean().item(), "float"),
    ],
)
def test_a_score_that_is_not_one_number_for_each_view_is_named(answer: Callable[[Tensor], Any], says: str) -> None:
    with pytest.raises(ValueError, match=rf"'output' scores 12 views with {says}; its score must be .*\(12,\)"):
        measure(noisy(), [ask(lambda output, images: answer(output), judge(nn.Identity()))])


def content(images: int) -> Objective:
    return content_objective(classifier(), picture(images))


def references(asked: object, *images: Tensor) -> Any:
    return keep_references(asked, images, [])


SEEN = make_activation_judge(classifier(), ["1"])
UNSEEN = "'references' compares with reference images, which takes a judge that tells its activations"


@each_case(
    ("objectives", "batch", "says"),
    [
        ([content(3)], 2, "3 images to compare with do not go with a stack of 2 images: use 1"),
        ([content(2)], 1, "2 images to compare with do not go with a stack of 1 image: use 1"),
        ([content(2)], 3, "2 images to compare with do not go with a stack of 3 images: use 1"),
        # Each of several is checked, also those of an objective inside others.
        ([references(SEEN, picture(3), picture())], 2, "3 images to compare with do not go with a stack of 2 images"),
        ([references(SEEN, picture(), picture(3))], 2, "3 images to compare with do not go with a stack of 2 images"),
        (
            [over_steps(in_region(content(3), torch.ones(1, 8, 8)))],
            1,
            r"3 images to compare with do not go with a stack of 1 image: use 1$",
        ),
        # Without a judge of activations.
        ([toy_class(), references(classifier(), picture())], 1, UNSEEN),
        ([toy_class(), references(None, picture())], 1, UNSEEN),
    ],
)
def test_reference_images_that_do_not_go_with_stack_or_judge_are_refused_at_once(
    objectives: list[Objective], batch: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.gray(SPEC, batch), objectives, VIEWS)


@each_case(
    ("series", "says"),
    [
        ({"time": Time(3)}, "a film of 3 frames: use 1, or 3, one for each frame"),
        (
            {"zoom": Zoom(3, between=1), "margin": 8},
            "a zoom of 3 depths, which models are shown at 5 moments: use 1, or 5, one for each moment",
        ),
    ],
)
def test_the_wanted_number_of_reference_images_is_that_of_frames_or_moments(series: dict[str, Any], says: str) -> None:
    stack = ImageStack.gray(replace(SPEC, **series))
    with pytest.raises(ValueError, match=f"^2 images to compare with do not go with {says}$"):
        make_scoring(stack, [content(2)], VIEWS, 5)
    wanted = len(stack.spec.find_timeline(stack.batch).moments)
    make_scoring(stack, [content(wanted)], VIEWS, 5)


def test_what_compares_images_has_no_place_in_a_film() -> None:
    apart = diversity_objective(classifier(), "0")
    with pytest.raises(ValueError, match="makes images differ, and frames belong together; leave it out"):
        make_scoring(ImageStack.gray(replace(SPEC, time=Time(3))), [apart], VIEWS, 5)
