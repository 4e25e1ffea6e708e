"""Style and content of an image: against NumPy, and ascents that come nearer to them."""

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.common.images import fit_square
from das_core.models.layers.activations import Activations
from das_core.objectives.style import StyleScore, gram_matrix, measure_content_distance
from direct_ascent import Objective
from toys import answer, classifier, climb, output_objective

TOY = classifier()


def read_score(objective: Objective) -> StyleScore:
    """Return the score of the only term of an objective."""
    (term,) = objective.list_terms()
    assert isinstance(term.score, StyleScore)
    return term.score


def picture(height: int = 32, width: int = 32, seed: int = 0, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_matrices_and_scores_are_those_of_numpy() -> None:
    features = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(0))
    for view, found in zip(features.flatten(2).double().numpy(), gram_matrix(features), strict=True):
        np.testing.assert_allclose(found.numpy(), view @ view.T / 12, rtol=1e-5, atol=1e-6)
    assert gram_matrix(torch.tensor([[1.0, -2.0]])).tolist() == [[[1, -2], [-2, 4]]]
    torch.testing.assert_close(gram_matrix(features.flatten(2)), gram_matrix(features))
    objective = 4.0 * da.style(picture(seed=1), "1: 2\n3: 0.5\n1: 1").on(TOY)
    style = read_score(objective)
    assert (style.weights, objective.list_terms()[0].weight, objective.name) == ((3.0, 0.5), 4.0, "style")
    output, view = style.judge(picture()), picture()[0].flatten(1).double().numpy()
    off = view.mean(axis=1) - style.mean.double().numpy()
    first, second, aim = (target.double().numpy() for target in style.targets)
    score = -0.875 * (np.sum((np.cov(view, bias=True) - aim) ** 2) / np.sum(aim**2) + off @ off / np.trace(aim))
    for layer, weight, target in (("1", 3.0, first), ("3", 0.5, second)):
        seen = output[layer][0].flatten(1).double().numpy()
        score -= weight * np.sum((seen @ seen.T / seen.shape[1] - target) ** 2) / np.sum(target**2)
    assert float(answer(objective, picture())) == pytest.approx(score, rel=1e-4)


def test_the_score_of_the_style_itself_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    # One window, which shows the whole image.
    monkeypatch.setattr("das_core.objectives.style._ZOOMS", (1.0,))
    objective = da.style(picture(seed=1)).on(TOY)
    assert float(answer(objective, picture(seed=1))) == pytest.approx(0, abs=1e-8)
    assert float(answer(objective, picture())) < -0.01


@each_case(
    ("shape", "windows"),
    # Pixels are (top, left, side); the side is that of the image, or 0.7 of it.
    ((16, 16), [(0, 0, 16), *((top, left, 12) for top in (0, 4) for left in (0, 4))]),
    (
        (20, 50),
        [(0, 0, 20), (0, 15, 20), (0, 30, 20), *((top, left, 14) for top in (0, 6) for left in (0, 12, 24, 36))],
    ),
)
def test_a_style_is_the_mean_of_the_least_windows_that_cover_the_image(
    shape: tuple[int, int], windows: list[tuple[int, int, int]]
) -> None:
    image = picture(*shape)
    style = read_score(da.style(image, "1").on(TOY))
    views = []
    for top, left, side in windows:
        views.append(fit_square(image[:, :, top : top + side, left : left + side], style.judge.size))
    seen = torch.cat(views)
    torch.testing.assert_close(style.targets[0], gram_matrix(style.judge(seen)["1"]).mean(dim=0))
    torch.testing.assert_close(style.targets[1], gram_matrix(seen - seen.mean(dim=(2, 3), keepdim=True)).mean(dim=0))
    torch.testing.assert_close(style.mean, seen.mean(dim=(0, 2, 3)))


@each_case("shape", (20, 50), (17, 900))
def test_several_images_of_any_shape_are_one_style(shape: tuple[int, int]) -> None:
    both = picture(*shape, batch=2)
    together, *alone = (read_score(da.style(images).on(TOY)).targets for images in (both, both[:1], both[1:]))
    for target, one, two in zip(together, *alone, strict=True):
        torch.testing.assert_close(target, (one + two) / 2)


DEAD = classifier()
for weight in DEAD.module.parameters():
    weight.data.zero_()


test_images_and_layers_that_make_no_style_are_refused = refuses(
    lambda model, arguments: da.style(*arguments).on(model),
    (TOY, (picture(64, 8),), r"style image of 8 x 64 pixels has no texture .* 16 x 16"),
    (TOY, (torch.rand(1, 4, 32, 32),), r"4 channels"),
    (TOY, (picture(), "11"), r"layer '11' is not in toy; the nearest are 1"),
    (TOY, (picture(), "1: much"), r"weight 'much'"),
    (TOY, (picture(), "1: 1\n1: -1"), r"weights of all layers are 0"),
    (TOY, (torch.full((1, 3, 32, 32), 0.3),), r"one colour has no texture"),
    (DEAD, (picture(), "1"), r"layer 1 of toy sees nothing in the style image"),
)


def test_a_few_steps_come_nearer_to_a_style() -> None:
    history = climb(objectives=[da.style(picture()).on(TOY)], steps=5).history
    assert history[-1].scores["style"] > history[0].scores["style"]


SPEC = da.StackSpec(40, 32, 8)
VIEWS = da.views.Augmentation(3, da.views.Windows(8))
TOY = classifier()


@each_case(("shape", "power"), ((4, 3, 5), 0), ((4, 3, 5), 1.0), ((6, 7), 2.5), ((9,), 1.0))
def test_a_caricature_is_a_dot_product_times_a_power_of_the_cosine_at_every_position(
    shape: tuple[int, ...], power: float
) -> None:
    noise, aim = (torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    seen = noise + aim / 2
    output = Activations({"2": seen}, (Activations({"2": aim}),))
    scores = da.caricature(waves(), "2", power).on(TOY).list_terms()[0].score(output, torch.arange(2)).tolist()
    for score, *each in zip(scores, seen.double().numpy(), aim.double().numpy(), strict=True):
        f, c = (part.reshape(len(part), -1) for part in each)
        cosines = (f * c).sum(0) / np.linalg.norm(f, axis=0) / np.linalg.norm(c, axis=0)
        assert score == pytest.approx(np.mean((f * c).mean(0) * np.maximum(cosines, 0.1) ** power), rel=1e-5)


def waves() -> Tensor:
    return torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(0))


def test_a_distance_is_relative_to_the_size_of_the_target() -> None:
    features, aim = torch.tensor([[[3.0, 0.0]], [[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])
    assert measure_content_distance(features, aim).tolist() == pytest.approx([16 / 25, 0.0])


def test_a_stack_climbs_to_the_content_of_an_image() -> None:
    objectives = [(2.0 * da.content(waves()).on(TOY)), output_objective(TOY, weight=0.1)]
    optimizer = da.ascent.NormalizedAscent(coarse_to_fine=0.0)
    history = da.Ascent(da.ImageStack.gray(SPEC), objectives, VIEWS, steps=24, optimizer=optimizer).run().history
    assert history[-1].scores["content"] > 0.7 * history[0].scores["content"]


test_without_an_ascent_a_layer_or_an_image_for_each_it_is_refused = refuses(
    lambda ask: ask(),
    (
        lambda: answer(da.content(waves(), "1").on(TOY), torch.rand(1, 3, 32, 32)),
        "content is compared view by view, so it can only be asked for in an ascent",
    ),
    (lambda: da.caricature(waves(), "1", -1).on(TOY), "power -1 is not between 0 and 100; 0 takes"),
    (lambda: da.caricature(waves(), "1", "2").on(TOY), "power '2' is not"),  # type: ignore[arg-type]
    (lambda: da.content(waves(), "seven").on(TOY), "layer 'seven' is not in toy"),
    (lambda: da.content(waves()[:, :1]).on(TOY), "the content image has 1 channels"),
)
