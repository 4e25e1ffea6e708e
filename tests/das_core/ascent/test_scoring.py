"""What groups of terms are shown: views of their own or shared, the frames that count, and reference images."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.active_region import ActiveRegion, active_region
from das_core.common.images import place_on_canvas
from das_core.models.layers.activations import ActivationJudge
from das_core.objectives.change import in_region, over_frames
from das_core.objectives.content import content_objective
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.views.augmentation import Augmentation
from gradient_by_hand import SEED, differentiate, film, measure, noisy, views_by_hand
from toys import SPEC, VIEWS, classifier, judge, make_scoring, output_objective, toy_class


def test_the_support_is_the_union_of_all_regions() -> None:
    left, right = torch.zeros(2, 1, 32, 32)
    left[:, :, :20], right[:, :, 14:] = 1.0, 0.5
    stack = noisy()

    def support(*objectives: Objective) -> Tensor | None:
        return make_scoring(stack, objectives, VIEWS, SEED).support.mask

    one, other = in_region(toy_class(), left), in_region(toy_class(), right)
    united = support(one, other)
    assert united is not None
    assert united[0, 0, 20, 8:40].tolist() == [1.0] * 20 + [0.5] * 12
    assert support(one, other, toy_class(seed=1)) is None


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
    measure(
        ImageStack.gray(SPEC),
        [output_objective(one, name="a"), output_objective(other, name="b"), output_objective(one, name="c")],
    )
    assert [tuple(views.shape[2:]) for views in recorder.views] == [(16, 16), (24, 24)]
    # Also judges of one size.
    stack, recorder = noisy(), Recorder()
    measure(
        stack,
        [
            output_objective(judge(recorder, size=24), name="a"),
            output_objective(judge(Shared(recorder), size=24), name="b"),
        ],
    )
    for number, views in enumerate(recorder.views):
        torch.testing.assert_close(views, views_by_hand(stack.pixels(), stack.spec, 24, number))
    assert not torch.equal(*recorder.views)


def picture(batch: int = 1, height: int = 50, width: int = 60) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(7))


def content_by_hand(stack: ImageStack, content: Objective, region: ActiveRegion | None) -> Callable[[Tensor], Tensor]:
    """The scores of all views, with the image seen through the very same windows, flips and noise."""
    spec = stack.spec
    (term,) = content.terms
    assert isinstance(term.judge, ActivationJudge)
    judge, layer = term.judge, term.judge.layers[0].name
    canvases = place_on_canvas(term.references[0], (spec.height, spec.width), spec.margin).expand(
        stack.batch, -1, -1, -1
    )

    def scores(pixels: Tensor) -> Tensor:
        seen, aim = (
            judge(views_by_hand(shown, spec, judge.size, region=region))[layer] for shown in (pixels, canvases)
        )
        return -(seen - aim).square().flatten(1).sum(dim=1) / aim.square().flatten(1).sum(dim=1)

    return scores


@each_case("images, boxed", [(1, False), (2, False), (1, True)])
def test_reference_images_are_seen_through_the_very_same_views_also_in_the_box_of_a_region(
    images: int, boxed: bool
) -> None:
    stack, mask = noisy(), torch.zeros(1, 32, 32)
    mask[:, 2:20, 10:32] = 1
    content = content_objective(classifier(), picture(images), "2")
    region = active_region([mask], stack, (0, 0, *SPEC.canvas)) if boxed else None
    gradient, scores = measure(stack, [in_region(content, mask) if boxed else content], chunk=5)
    by_hand = content_by_hand(stack, content, region)
    assert scores == {"content": pytest.approx(float(by_hand(stack.pixels()).mean()), rel=1e-4)}
    expected = differentiate(stack, lambda pixels: by_hand(pixels).sum() / VIEWS.views, region.mask if region else None)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_frames_on_which_nothing_counts_are_not_shown() -> None:
    stack = film(12)
    early = over_frames(toy_class(), ((0, 1.0), (3, 0.0)))
    late = over_frames(toy_class(seed=1), ((8, 0.0), (11, 1.0)))
    scoring = make_scoring(stack, [early, late], Augmentation(8, VIEWS.windows), SEED)
    assert [group.shown for group in scoring.plan.groups] == [[0, 1, 2], [9, 10, 11]]
    for step in range(20):
        frames = [{key.image for key in scoring.choose_keys(number, step, 12)} for number in (0, 1)]
        assert frames[0] <= {0, 1, 2}
        assert frames[1] <= {9, 10, 11}
        # In proportion: a quarter of the film, a quarter of the views.
        assert [len(scoring.choose_keys(number, step, 12)) for number in (0, 1)] == [2, 2]
