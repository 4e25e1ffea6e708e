"""The style of an image: Gram matrices against NumPy, and ascents that come nearer to them."""

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.common.images import fit_square
from das_core.models.layers.activations import ActivationJudge
from das_core.models.sources.starters import load_starter
from das_core.objectives.content import content_objective
from das_core.objectives.style import StyleScore, gram_matrix, measure_style_distances, style_objective
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import answer, classifier


def read_score(objective: Objective) -> StyleScore:
    """Return the score of the only term of an objective."""
    (term,) = objective.terms
    assert isinstance(term.score, StyleScore)
    return term.score


def picture(height: int = 32, width: int = 32, seed: int = 0, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_gram_matrices_and_scores_are_those_of_numpy() -> None:
    features = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    for view, found in zip(features.double().numpy(), gram_matrix(features), strict=True):
        expected = np.zeros((5, 5))
        for row in range(4):
            for column in range(3):
                expected += np.outer(view[:, row, column], view[:, row, column]) / 12
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    vector = torch.tensor([[1.0, -2.0]])
    assert gram_matrix(vector).tolist() == [[[1, -2], [-2, 4]]]
    tokens = features.flatten(2)
    torch.testing.assert_close(gram_matrix(tokens), gram_matrix(features))
    toy = classifier()
    objective = style_objective(toy, picture(seed=1), "1: 2\n3: 0.5\n1: 1", weight=4.0)
    assert (read_score(objective).weights, objective.terms[0].weight, objective.name) == ((3.0, 0.5), 4.0, "style")
    output = read_score(objective).judge(picture())
    score = 0.0
    for layer, weight, target in zip(("1", "3"), (3.0, 0.5), read_score(objective).targets, strict=True):
        seen = output[layer][0].flatten(1).double().numpy()
        off = seen @ seen.T / seen.shape[1] - target.double().numpy()
        score -= weight * np.sum(off**2) / np.sum(target.double().numpy() ** 2)
    assert float(answer(objective, picture())) == pytest.approx(score, rel=1e-4)


def test_the_score_of_the_style_itself_is_0() -> None:
    toy = classifier()
    # A window of one colour is like every other.
    plain = torch.full((1, 3, 40, 70), 0.3)
    objective = style_objective(toy, plain)
    assert float(answer(objective, fit_square(plain, 32))) == pytest.approx(0, abs=1e-8)
    assert float(answer(objective, picture())) < -0.01


@each_case(
    ("shape", "windows"),
    [
        # Pixels are (top, left, side); the side is that of the image, or 0.7 of it.
        ((16, 16), [(0, 0, 16), *((top, left, 12) for top in (0, 4) for left in (0, 4))]),
        (
            (20, 50),
            [(0, 0, 20), (0, 15, 20), (0, 30, 20), *((top, left, 14) for top in (0, 6) for left in (0, 12, 24, 36))],
        ),
    ],
)
def test_a_style_is_the_mean_gram_matrix_of_the_least_windows_that_cover_the_image(
    shape: tuple[int, int], windows: list[tuple[int, int, int]]
) -> None:
    image = picture(*shape)
    style = read_score(style_objective(classifier(), image, "1"))
    grams = []
    for top, left, side in windows:
        view = fit_square(image[:, :, top : top + side, left : left + side], style.judge.size)
        grams.append(gram_matrix(style.judge(view)["1"]))
    torch.testing.assert_close(style.targets[0], torch.cat(grams).mean(dim=0))


@each_case("shape", [(20, 50), (16, 16), (17, 900), (300, 40)])
def test_several_images_of_any_shape_are_one_style(shape: tuple[int, int]) -> None:
    toy = classifier()
    both = read_score(style_objective(toy, picture(*shape, batch=2)))
    alone = [read_score(style_objective(toy, image[None])).targets for image in picture(*shape, batch=2)]
    for target, one, two in zip(both.targets, *alone, strict=True):
        assert bool(one.isfinite().all())
        torch.testing.assert_close(target, (one + two) / 2)


@each_case(
    ("arguments", "message"),
    [
        ((picture(1, 1),), r"style image of 1 x 1 pixels has no texture .* 16 x 16"),
        ((picture(64, 8),), r"style image of 8 x 64 pixels"),
        ((torch.rand(1, 4, 32, 32),), r"4 channels"),
        ((picture(), "11"), r"layer '11' is not in toy; the nearest are 1"),
        ((picture(), "1: much"), r"weight 'much'"),
        ((picture(), "1: 1\n1: -1"), r"weights of all layers are 0"),
    ],
)
def test_images_and_layers_that_make_no_style_are_refused(arguments: tuple[Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        style_objective(classifier(), *arguments)


def test_targets_that_no_view_can_come_near_are_refused() -> None:
    dead = classifier()
    dead.module[0].weight.data.zero_()
    dead.module[0].bias.data.zero_()
    with pytest.raises(ValueError, match=r"layer 1 of toy sees nothing in the style image"):
        style_objective(dead, picture(), "1")


def test_a_photograph_takes_the_style_of_another_and_keeps_its_content() -> None:
    starter = load_starter()
    cat, cells = (to_tensor(load()).unsqueeze(0) for load in (skimage.data.chelsea, skimage.data.immunohistochemistry))
    style, content = style_objective(starter, cells), content_objective(starter, cat, weight=3.0)
    stack = ImageStack.from_image(StackSpec(224, 224, 16), cat)
    optimizer = NormalizedAscent(step_size=0.08, coarse_to_fine=0.0, tilt=0.0)
    views = Augmentation(2, Windows(16))
    made = Ascent(stack, [style, content], views, steps=8, optimizer=optimizer, denoising=None).run().image
    aim = read_score(style)
    before, after = (
        float(measure_style_distances(aim.judge(shown), aim.judge, aim.targets).sum())
        for shown in (stack.image(), made)
    )
    assert after < before / 2
    (kept,) = content.terms
    assert isinstance(kept.judge, ActivationJudge)
    features = [kept.judge(fit_square(image, 224))[kept.judge.layers[0].name] for image in (made, cat, cells)]
    assert float((features[0] - features[1]).norm()) < float((features[0] - features[2]).norm())
