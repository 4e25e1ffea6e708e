"""Which VAE goes with which diffusion model, and pictures on their way to a latent and back."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_is_free
from stand_in_diffusion import StandInVAE, make_model


@pytest.fixture
def latents(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.latents")


def patcher(**settings: int) -> Any:
    model = make_model(**settings)
    return SimpleNamespace(get_model_object=lambda name: getattr(model, name))


def other_vae(**attributes: Any) -> StandInVAE:
    vae = StandInVAE()
    for name, value in attributes.items():
        setattr(vae, name, value)
    return vae


def test_a_vae_of_the_latents_of_the_model_is_taken(latents: ModuleType) -> None:
    latents.check_vae(patcher(channels=16), StandInVAE(16))


@each_case(
    ("model", "vae", "says"),
    [
        (patcher(), None, "there is no VAE in what is connected to vae"),
        (2.5, StandInVAE(), "there is no diffusion model in what is connected to model"),
        (patcher(), other_vae(first_stage_model=None), "there is no VAE in what is connected to vae"),
        (patcher(dimensions=3), StandInVAE(), r"of video \(or of an image model that shares the VAE of one\); only"),
        (patcher(dimensions=1), StandInVAE(), "of audio; only models of images"),
        (patcher(), other_vae(latent_dim=3), "this VAE makes video or audio, no images"),
        (patcher(), other_vae(output_channels=2), "this VAE makes video or audio, no images"),
        (patcher(channels=16), StandInVAE(4), "VAE has latents of 4 channels and the diffusion model of 16: connect"),
    ],
)
def test_another_is_refused(latents: ModuleType, model: Any, vae: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        latents.check_vae(model, vae)


def test_pictures_come_from_a_latent_and_go_back(latents: ModuleType) -> None:
    latent = torch.rand(2, 4, 3, 5) - 0.5
    latent[:, 3] = 0
    pictures = latents.decode_latent(StandInVAE(), latent)
    assert pictures.shape == (2, 3, 24, 40)
    assert_is_free(pictures)
    torch.testing.assert_close(latents.encode_pictures(StandInVAE(), pictures, latent), latent)


def test_a_vae_whose_latents_have_another_size_is_refused(latents: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"its own picture to a latent of \(1, 4, 4, 4\), where .* \(1, 4, 2, 2\)"):
        latents.encode_pictures(StandInVAE(), torch.rand(1, 3, 32, 32), torch.zeros(1, 4, 2, 2))


@each_case(
    ("answer", "says"),
    [
        (None, "to a NoneType, where a tensor is needed: load another"),
        ([torch.zeros(1, 16, 16, 3)], "to a list, where a tensor is needed"),
        (torch.zeros(1, 3, 16, 16, 3), r"to a tensor of \(1, 3, 16, 16, 3\), where pictures"),
        (torch.zeros(1, 16, 16, 1), r"to a tensor of \(1, 16, 16, 1\), where pictures"),
    ],
)
def test_a_vae_that_answers_with_something_else_is_named(latents: ModuleType, answer: Any, says: str) -> None:
    vae = other_vae(decode=lambda latent: answer, encode=lambda images: answer)
    with pytest.raises(ValueError, match=f"decodes the prediction {says}"):
        latents.decode_latent(vae, torch.zeros(1, 4, 2, 2))
    if not isinstance(answer, torch.Tensor):
        with pytest.raises(ValueError, match=f"encodes the picture {says}"):
            latents.encode_pictures(vae, torch.rand(1, 3, 16, 16))


def test_a_vae_that_encodes_to_no_numbers_is_named(latents: ModuleType) -> None:
    vae = StandInVAE()
    broken = other_vae(encode=lambda images: vae.encode(images) * float("nan"))
    with pytest.raises(ValueError, match="encodes the picture to values that are no numbers: start ComfyUI with"):
        latents.encode_pictures(broken, torch.rand(1, 3, 16, 16), torch.zeros(1, 4, 2, 2))


@each_case("shape", [(0, 4, 8, 8), (1, 4, 0, 8), (1, 4, 8, 0)])
def test_an_empty_latent_is_refused(latents: ModuleType, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"the latent of shape \(.*\) is empty: there is nothing to guide"):
        latents.check_latent(torch.zeros(shape), StandInVAE())
