"""The content of an image: compared position by position, through the same views."""

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.objectives.change import in_region, over_steps
from das_core.objectives.content import content_objective, measure_content_distance
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import answer, classifier, output_objective

SPEC = StackSpec(40, 32, 8)
VIEWS = Augmentation(3, Windows(8))


def picture(batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, 50, 60, generator=torch.Generator().manual_seed(seed))


def first_scores(stack: ImageStack, *objectives: object, **options: int) -> dict[str, float]:
    ascent = Ascent(stack, objectives, VIEWS, steps=1, **options)  # type: ignore[arg-type]
    return next(iter(ascent)).record.scores


def test_a_distance_is_relative_to_the_size_of_the_target() -> None:
    aim = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])
    assert measure_content_distance(torch.tensor([[[3.0, 0.0]], [[0.0, 0.0]]]), aim).tolist() == pytest.approx(
        [16 / 25, 0.0]
    )


@each_case("region", [False, True])
def test_the_score_of_the_same_image_is_0_in_every_view_even_in_those_of_a_region(region: bool) -> None:
    mask = torch.zeros(1, 32, 40)
    mask[:, 4:20, 6:24] = 1
    toy = classifier()
    content = content_objective(toy, picture())
    asked = [in_region(content, mask)] if region else [content, output_objective(toy)]
    scores = first_scores(ImageStack.from_image(SPEC, picture(), contrast=1.0), *asked)
    # But for pure black and white, which no stack shows.
    assert scores["content"] == pytest.approx(0, abs=1e-5)
    assert first_scores(ImageStack.from_image(SPEC, picture(seed=1)), asked[0])["content"] < -0.01


def test_every_image_of_a_batch_is_compared_with_its_own() -> None:
    toy, pair = classifier(), picture(batch=2)
    right = first_scores(ImageStack.from_image(SPEC, pair, contrast=1.0), content_objective(toy, pair))
    wrong = first_scores(ImageStack.from_image(SPEC, pair, contrast=1.0), content_objective(toy, pair.flip(0)))
    assert right["content"] == pytest.approx(0, abs=1e-5)
    assert wrong["content"] < -0.01
    one = content_objective(toy, pair[:1])
    assert first_scores(ImageStack.from_image(SPEC, pair), one)["content"] < -0.001
    with pytest.raises(ValueError, match=r"3 images to compare with do not go with a stack of 2 images: use 1 or 2"):
        first_scores(ImageStack.from_image(SPEC, pair), content_objective(toy, picture(batch=3)))


def test_chunks_change_nothing() -> None:
    toy = classifier()
    scores = [
        first_scores(ImageStack.from_image(SPEC, picture(seed=1)), content_objective(toy, picture()), chunk=chunk)
        for chunk in (1, 2, 3)
    ]
    assert scores[0]["content"] == pytest.approx(scores[1]["content"], rel=1e-5)
    assert scores[0]["content"] == pytest.approx(scores[2]["content"], rel=1e-5)


def test_a_stack_climbs_to_the_content_of_an_image() -> None:
    toy = classifier()
    content = content_objective(toy, picture(), weight=2.0)
    objectives = [over_steps(content, 1.0, 1.0), output_objective(toy, weight=0.1)]
    optimizer = NormalizedAscent(coarse_to_fine=0.0)
    history = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, steps=12, optimizer=optimizer).run().history
    assert history[-1].scores["content"] > 0.7 * history[0].scores["content"]


def test_without_an_ascent_or_a_known_layer_or_an_image_content_is_refused() -> None:
    content = content_objective(classifier(), picture(), "1")
    with pytest.raises(ValueError, match="only be asked for in an ascent"):
        answer(content, torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="layer 'seven' is not in toy"):
        content_objective(classifier(), picture(), "seven")
    with pytest.raises(ValueError, match="the content image has 1 channels"):
        content_objective(classifier(), picture()[:, :1])
