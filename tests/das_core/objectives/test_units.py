"""Objectives as values: what each asks for, sums, differences and products, and functions of the user's."""

from typing import Any

import pytest
import torch

import direct_ascent as da
import tinyclip
from cases import each_case, refuses
from das_core import facade
from das_core.facade.wrap import wrap
from direct_ascent import Dictionary, Judge, Objective, prior, score_images
from quick_render import TOY, render
from toys import classifier

ATTENTION = "transformer.resblocks.1.attn"
SAE = Dictionary("sae", torch.eye(32), torch.zeros(32))
PHOTO = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(0)).kron(torch.ones(8, 8))
OTHER = classifier(seed=1)
MODULE: Any = classifier(seed=2).module
MODULE.pretrained_cfg = {"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3}  # As models of timm have.
WRONG: Any = "cat.jpg"


def red(views: torch.Tensor) -> torch.Tensor:
    return views[:, 0].mean(dim=(1, 2))


@each_case(
    ("model", "objective", "terms"),
    (TOY, da.classes([3, 4]), [("class 3, class 4", 1.0)]),
    (TOY, da.layer("2"), [("2", 1.0)]),
    (TOY, da.channel("2", 7), [("2 channel 7", 1.0)]),
    (TOY, da.neuron("2", 1, (0, 3)), [("2 channel 1 at 0, 3", 1.0)]),
    (TOY, da.direction("2", torch.ones(32), (0, 3)), [("2 direction at 0, 3", 1.0)]),
    (tinyclip.clip(), da.head(ATTENTION, 0), [(f"{ATTENTION} head 0", 1.0)]),
    (tinyclip.clip(), da.text("a cat") * 2, [("a cat", 2.0)]),
    (tinyclip.clip(), da.heads(ATTENTION, [0, 0]), [(f"{ATTENTION} head 0", 1.0)]),
    (TOY, da.directions("2", torch.eye(32)[:3], (0, 3)), [("2 direction at 0, 3", 1.0)]),
    (TOY, da.latents("2", SAE, [0, 1], (0, 3)), [("2 sae 0 at 0, 3 | 2 sae 1 at 0, 3", 1.0)]),
    (TOY, da.latent("2", SAE, 1, (0, 3)), [("2 sae 1 at 0, 3", 1.0)]),
    (TOY, da.caricature(PHOTO, "2") - da.content(PHOTO, "1"), [("2 caricature", 1.0), ("content", -1.0)]),
    (TOY, da.of_views(red), [("red", 1.0)]),
    (TOY, da.activations("2", red) * 2, [("red of 2", 2.0)]),
    (TOY, da.activations(["0", "2"], lambda both: both["0"]), [("lambda of 0, 2", 1.0)]),
    (TOY, da.image(PHOTO) - da.image(PHOTO, "2"), [("image", 1.0), ("image", -1.0)]),
    (TOY, da.embedding(torch.eye(32)[:3], "2"), [("3 embeddings", 1.0)]),
    (tinyclip.clip(), 2 * da.embedding([1.0] * 24), [("embedding", 2.0)]),
    (TOY, 2 * (da.classes(1) - da.channel("0", 2) / 4), [("class 1", 2.0), ("0 channel 2", -0.5)]),
    (TOY, -da.classes(1) + da.layer("1"), [("class 1", -1.0), ("1", 1.0)]),
    (TOY, sum([da.classes(1), da.classes(2)]), [("class 1", 1.0), ("class 2", 1.0)]),
    (TOY, da.classes(1) + prior("l2"), [("class 1", 1.0), ("l2", 0.2)]),
    (TOY, prior("l2") - 2 * da.classes(1), [("l2", 0.2), ("class 1", -2.0)]),
    (TOY, prior("l2") + da.classes(1), [("l2", 0.2), ("class 1", 1.0)]),
)
def test_what_an_objective_asks_for(model: Judge, objective: Objective, terms: list[tuple[str, float]]) -> None:
    assert [(term.name, term.weight) for term in objective.on(model).list_terms()] == terms


def test_objectives_are_multiplied_by_numbers_and_added_to_objectives_alone() -> None:
    objective: Any = da.classes(1)
    for wrong in (
        lambda: objective + 1,
        lambda: objective * "2",
        lambda: objective / "2",
        lambda: "x" + objective,
        lambda: "x" - objective,
    ):
        with pytest.raises(TypeError):
            wrong()


def test_several_channels_are_several_pictures_and_none_are_refused_at_once() -> None:
    made = render(da.channels("2", range(3)))
    assert made.image.shape == (3, 3, 48, 48)
    assert [len(scores) for scores in made.scores.values()] == [3]
    for number, image in enumerate(made.image):
        alone = render(da.channel("2", number), batch=3).image[number]
        torch.testing.assert_close(image, alone, rtol=0, atol=2e-4)
    for batch in (1, 4):
        with pytest.raises(ValueError, match=f"^{batch} pictures cannot show an objective for 3, .* a multiple of 3"):
            render(da.channels("2", range(3)), batch=batch)
    assert len(render(da.channels("2", range(3)), batch=6, steps=1).image) == 6
    with pytest.raises(ValueError, match=r"no channel is given; give one at least, such as by range\(8\)"):
        da.channels("2", [])


test_what_cannot_be_asked_for_is_said = refuses(
    lambda ask: ask(),
    (lambda: da.directions("2", []), r"no direction is given; .* a tensor \(N, channels\)"),
    (lambda: da.directions("2", WRONG), r"directions cat.jpg is no list; .* a tensor \(N, channels\)"),
    (lambda: render(da.directions("2", torch.ones(2, 31))), r"shape \(31,\) is neither .* 32 channels of"),
    (lambda: render(da.caricature(WRONG, "2")), "the photograph is a path; open it first"),
    (lambda: render(da.caricature(PHOTO, "seven")), "layer 'seven' is not in toy; there is 0, 1, 2"),
    (lambda: render(da.content(PHOTO[:, :2], "2")), "the content image has 2 channels"),
    (lambda: render(da.channel("2", 1).on(WRONG)), r"'cat\.jpg' is no Judge; load one"),
    (lambda: render(da.channel("9", 1).on(OTHER)), "layer '9' is not in toy"),
)


def test_a_function_of_activations_is_asked_for_like_a_part_of_a_layer() -> None:
    def fifth(values: torch.Tensor) -> torch.Tensor:
        return values[:, 5].mean(dim=(1, 2))

    named = [da.channel("2", 5), da.channel("0", 3)]
    own = [da.activations("2", fifth), da.activations(["0"], lambda given: given["0"][:, 3].mean(dim=(1, 2)))]
    expected = render(named[0] - 0.5 * named[1]).image
    assert torch.equal(render(own[0] - 0.5 * own[1]).image, expected)
    both = da.activations(["0", "2"], lambda given: fifth(given["2"]) - given["0"][:, 3].mean(dim=(1, 2)) / 2)
    torch.testing.assert_close(render(both).image, expected, rtol=0, atol=2e-3)
    assert torch.equal(render(own[0].on(OTHER)).image, render(named[0].on(OTHER)).image)


test_what_is_no_function_of_activations_is_said = refuses(
    lambda layers, score: render(da.activations(layers, score)),
    ("2", WRONG, "score cat.jpg is no function; give one, as in activations"),
    ([], red, "no layer is named; name one at least"),
    (7, red, "layers 7 is no list"),
    ("9", red, "layer '9' is not in toy"),
    (["2"], lambda given: given["0"], "there are no activations of layer '0'; those that were asked for: 2"),
    ("2", lambda values: values, r"'lambda of 2' scores .*, one number for each view"),
)


@each_case("start", None, PHOTO)
def test_a_caricature_and_an_inversion_climb(start: torch.Tensor | None) -> None:
    objective = da.caricature(PHOTO, "0")
    few, many = (render(objective, start=start, steps=steps).whole_scores["0 caricature"][0] for steps in (2, 12))
    assert many > 1.03 * few
    # The photograph changes into what the layer sees more of than in itself.
    assert (many > float(score_images(PHOTO, objective.on(TOY)).table)) == (start is not None)
    history = render(da.content(PHOTO), steps=6).history
    assert history[-1].scores["content"] > history[0].scores["content"]
    assert len(render(da.content(torch.cat([PHOTO, 1 - PHOTO])), steps=1).image) == 2


@each_case("other", OTHER, wrap(MODULE))
def test_objectives_of_several_models_add_up(other: Any) -> None:
    objective = da.classes(3) - 0.3 * da.channel("2", 5).on(other)
    expected = da.classes(3).on(TOY) - 0.3 * da.channel("2", 5).on(other)
    assert torch.equal(render(objective).image, render(expected).image)
    # A model that is rendered and bound runs once for both.
    pair = da.channel("0", 1), da.channel("2", 5)
    assert torch.equal(render(pair[0] + pair[1].on(other), other).image, render(pair[0] + pair[1], other).image)
    quick: dict[str, Any] = {"size": 32, "steps": 1, "progress": False}
    film = facade.film(TOY, {0: objective, 2: da.classes(1).on(other)}, frames=3, **quick)
    zoom = facade.zoom(TOY, [objective, da.classes(1).on(other)], **quick)
    assert list(film.scores) == list(zoom.scores) == ["class 3", "2 channel 5", "class 1"]


def test_an_objective_of_diversity_is_one_for_a_batch() -> None:
    made = render(da.channel("2", 3) + 0.5 * da.diversity("2"), batch=3)
    assert {name: len(scores) for name, scores in made.scores.items()} == {"2 channel 3": 3, "2 diversity": 3}
    assert len(render(da.channels("2", range(4)) + da.diversity("2")).image) == 4
