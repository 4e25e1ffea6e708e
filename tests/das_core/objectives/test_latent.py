"""Latents of a dictionary in a layer: the score against its definition, ascents that raise it, wrong pairs."""

from pathlib import Path
from typing import Any

import pytest
import torch

import direct_ascent
import direct_ascent as da
from cases import each_case, refuses
from das_core.models.layers.activations import make_activation_judge
from direct_ascent import Dictionary
from toys import SPEC, VIEWS, answer, classifier

TOY = classifier()
LAYER, CHANNELS = "2", 32
SEEN = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
MAPS = make_activation_judge(TOY, [LAYER])(SEEN)[LAYER]


def dictionary(channels: int = CHANNELS) -> Dictionary:
    drawn = torch.Generator().manual_seed(1)
    weight = torch.randn(20, channels, generator=drawn)
    return Dictionary("sae", weight, torch.randn(20, generator=drawn), torch.randn(channels, generator=drawn))


SAE = dictionary()
assert SAE.center is not None
VALUES = torch.einsum("vcyx,nc->vnyx", MAPS - SAE.center[:, None, None], SAE.weight) + SAE.bias[:, None, None]


@each_case(
    ("latents", "position", "scores", "name"),
    (7, None, VALUES[:, 7].mean(dim=(1, 2)), "2 sae 7"),
    ([7, 3], None, VALUES[:, [7, 3]].sum(dim=1).mean(dim=(1, 2)), "2 sae 7, 3"),
    ({7: 0.5, 3: -2.0}, None, (0.5 * VALUES[:, 7] - 2 * VALUES[:, 3]).mean(dim=(1, 2)), "2 sae 7, 3"),
    (7, (0, 5), VALUES[:, 7, 0, 5], "2 sae 7 at 0, 5"),
    (range(6), None, VALUES[:, :6].sum(dim=1).mean(dim=(1, 2)), "2 sae 6 latents"),
)
def test_the_score_is_its_definition(latents: Any, position: Any, scores: Any, name: str) -> None:
    objective = da.latent(LAYER, SAE, latents, position).on(TOY)
    torch.testing.assert_close(answer(objective, SEEN), scores)
    assert objective.name == name


def test_an_ascent_raises_a_latent_that_is_not_active() -> None:
    sleeping = Dictionary("sae", SAE.weight, SAE.bias - 20)
    objective = da.latent(LAYER, sleeping, 4).on(TOY)
    result = da.Ascent(da.ImageStack.gray(SPEC), objective, augmentation=VIEWS, steps=8).run()
    first, *_, last = (record.scores[objective.name] for record in result.history)
    assert first < 0
    assert last > first


test_what_does_not_fit_is_named = refuses(
    lambda latents, layer, channels: da.latent(layer, dictionary(channels), latents).on(TOY),
    (20, LAYER, CHANNELS, "latent 20 is not in sae, which has latents 0 to 19"),
    (-1, LAYER, CHANNELS, "latent -1 is not in sae"),
    ([1, "a"], LAYER, CHANNELS, "latent a is not in sae"),
    ([], LAYER, CHANNELS, "no latent counts"),
    ({2: float("nan")}, LAYER, CHANNELS, "the weight nan of latent 2"),
    (2, LAYER, 16, "sae is for 16 channels, and 2 of toy has 32; those with as many are 0, 1: choose"),
    (2, LAYER, 17, "no layer of it has as many"),
    (2, "none", CHANNELS, "layer 'none' is not in toy"),
)


def test_an_encoder_and_a_bias_are_a_dictionary_in_place() -> None:
    plain = direct_ascent.latent(LAYER, Dictionary("mine", SAE.weight, SAE.bias), 7, (0, 5)).on(TOY)
    expected = torch.einsum("vc,c->v", MAPS[:, :, 0, 5], SAE.weight[7]) + SAE.bias[7]
    torch.testing.assert_close(answer(plain, SEEN), expected)
    with pytest.raises(ValueError, match=r"mine has a weight \(32, 20\) and a bias \(20,\), .* transpose a weight"):
        Dictionary("mine", SAE.weight.T, SAE.bias)


def test_latents_are_a_batch_and_files_serve_as_dictionaries(tmp_path: Path) -> None:
    torch.save({"W_enc": SAE.weight.T, "b_enc": SAE.bias, "b_dec": SAE.center}, tmp_path / "sae.pt")
    objective = direct_ascent.latents(LAYER, SAE, [3, 5]).on(TOY)
    assert sum(term.images for term in objective.list_terms()) == 2
    alone = direct_ascent.latent(LAYER, tmp_path / "sae.pt", 7).on(TOY)
    torch.testing.assert_close(answer(alone, SEEN), VALUES[:, 7].mean(dim=(1, 2)))
