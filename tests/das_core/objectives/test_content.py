"""The content of an image: compared position by position, through the same views."""

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.layers.activations import Activations
from das_core.objectives.content import measure_content_distance
from toys import answer, classifier, output_objective

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
    scores = da.caricature(picture(), "2", power).on(TOY).list_terms()[0].score(output, torch.arange(2)).tolist()
    for score, *each in zip(scores, seen.double().numpy(), aim.double().numpy(), strict=True):
        f, c = (part.reshape(len(part), -1) for part in each)
        cosines = (f * c).sum(0) / np.linalg.norm(f, axis=0) / np.linalg.norm(c, axis=0)
        assert score == pytest.approx(np.mean((f * c).mean(0) * np.maximum(cosines, 0.1) ** power), rel=1e-5)


def picture() -> Tensor:
    return torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(0))


def test_a_distance_is_relative_to_the_size_of_the_target() -> None:
    features, aim = torch.tensor([[[3.0, 0.0]], [[0.0, 0.0]]]), torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]])
    assert measure_content_distance(features, aim).tolist() == pytest.approx([16 / 25, 0.0])


def test_a_stack_climbs_to_the_content_of_an_image() -> None:
    objectives = [(2.0 * da.content(picture()).on(TOY)), output_objective(TOY, weight=0.1)]
    optimizer = da.ascent.NormalizedAscent(coarse_to_fine=0.0)
    history = da.Ascent(da.ImageStack.gray(SPEC), objectives, VIEWS, steps=24, optimizer=optimizer).run().history
    assert history[-1].scores["content"] > 0.7 * history[0].scores["content"]


test_without_an_ascent_a_layer_or_an_image_for_each_it_is_refused = refuses(
    lambda ask: ask(),
    (
        lambda: answer(da.content(picture(), "1").on(TOY), torch.rand(1, 3, 32, 32)),
        "content is compared view by view, so it can only be asked for in an ascent",
    ),
    (lambda: da.caricature(picture(), "1", -1).on(TOY), "power -1 is not between 0 and 100; 0 takes"),
    (lambda: da.caricature(picture(), "1", "2").on(TOY), "power '2' is not"),  # type: ignore[arg-type]
    (lambda: da.content(picture(), "seven").on(TOY), "layer 'seven' is not in toy"),
    (lambda: da.content(picture()[:, :1]).on(TOY), "the content image has 1 channels"),
)
