"""Tensors and latents on their way from ComfyUI to das_core and back, and autograd under inference mode."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from cases import each_case
from das_core.common.modes import own_modes
from loaded_pack import Pack, assert_is_free, assert_is_image
from stand_in_diffusion import StandInVAE, make_model


@pytest.fixture
def tensors(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.tensors")


def make_vae(**attributes: Any) -> StandInVAE:
    vae = StandInVAE()
    vars(vae).update(attributes)
    return vae


def test_images_and_masks_come_in_as_free_copies_however_they_lie_in_memory(bridge: ModuleType) -> None:
    with torch.inference_mode():
        images = [torch.rand(1, 8, 9, 3), torch.rand(1, 3, 8, 9).movedim(1, -1), torch.rand(1, 8, 9, 3).half()]
        masks = [torch.rand(2, 5, 6), torch.rand(2, 5, 6).half()]
    images.append(torch.rand(1, 8, 9, 3, requires_grad=True))
    masks.append(torch.rand(2, 5, 6, requires_grad=True))
    for image in images:
        taken = own_modes()(bridge.from_comfy_images)(image)
        assert_is_free(taken)
        assert taken.is_contiguous()
        assert torch.equal(taken, image.movedim(-1, 1).float())
        assert taken.data_ptr() != image.data_ptr()
    for mask in masks:
        taken = own_modes()(bridge.from_comfy_mask)(mask)
        assert_is_free(taken)
        assert (taken.dtype, taken.device.type) == (torch.float32, "cpu")
        assert torch.equal(taken, mask.float())
        assert taken.data_ptr() != mask.data_ptr()


def test_images_and_masks_of_another_shape_or_type_are_refused(bridge: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"an IMAGE of shape \(.*\) came in; \[batch, height, width, channels\]"):
        bridge.from_comfy_images(torch.rand(9, 9, 3))
    with pytest.raises(ValueError, match=r"an IMAGE of uint8 came in, .* look at the node that made it"):
        bridge.from_comfy_images(torch.ones(1, 4, 4, 3).to(torch.uint8))
    with pytest.raises(ValueError, match=r"a MASK of complex64 came in"):
        bridge.from_comfy_mask(torch.ones(1, 4, 4).to(torch.complex64))


def test_images_and_masks_go_out_as_comfyui_has_them(bridge: ModuleType) -> None:
    images = torch.rand(2, 3, 5, 6, requires_grad=True)
    returned = bridge.to_comfy_images(images.double())
    assert_is_image(returned, 2, 5, 6)
    assert torch.equal(bridge.from_comfy_images(returned), images)
    masks = torch.rand(5, 6, 2, requires_grad=True).double().movedim(-1, 0)
    returned = bridge.to_comfy_masks(masks)
    assert_is_free(returned)
    assert (returned.dtype, tuple(returned.shape)) == (torch.float32, (2, 5, 6))
    assert returned.is_contiguous()
    torch.testing.assert_close(returned.double(), masks.detach())


def test_the_devices_are_those_of_comfyui(bridge: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management

    devices = {"get_torch_device": torch.device("meta"), "intermediate_device": torch.device("cpu", 0)}
    for name, device in devices.items():
        monkeypatch.setattr(comfy.model_management, name, lambda device=device: device)
    assert (bridge.get_device(), bridge.get_storage_device()) == tuple(devices.values())
    monkeypatch.setattr(comfy.model_management, "intermediate_device", lambda: torch.device("meta"))
    assert bridge.to_comfy_images(torch.rand(1, 3, 4, 4)).device.type == "meta"
    assert bridge.to_comfy_masks(torch.rand(1, 4, 4)).device.type == "meta"


def test_batches_are_joined_as_if_they_had_been_one(pack: Pack) -> None:
    bridge = pack.module("nodes.bridge")
    batches = [torch.rand(count, 3, 5, 7) for count in (1, 2, 1)]
    joined = bridge.join_comfy_images(batches)
    assert torch.equal(joined, bridge.to_comfy_images(torch.cat(batches)))
    assert_is_image(joined, 4, 5, 7)


def patcher(**settings: int) -> Any:
    model = make_model(**settings)
    return SimpleNamespace(get_model_object=lambda name: getattr(model, name))


@each_case(
    ("model", "vae", "says"),
    (patcher(), None, "there is no VAE in what is connected to vae"),
    (2.5, StandInVAE(), "there is no diffusion model in what is connected to model"),
    (patcher(), make_vae(first_stage_model=None), "there is no VAE in what is connected to vae"),
    (patcher(dimensions=3), StandInVAE(), r"of video \(or of an image model that shares the VAE of one\); only"),
    (patcher(dimensions=1), StandInVAE(), "of audio; only models of images"),
    (patcher(), make_vae(latent_dim=3), "this VAE makes video or audio, no images"),
    (patcher(), make_vae(output_channels=2), "this VAE makes video or audio, no images"),
    (patcher(channels=16), StandInVAE(4), "VAE has latents of 4 channels and the diffusion model of 16: connect"),
)
def test_a_vae_is_that_of_the_latents_of_the_model(tensors: ModuleType, model: Any, vae: Any, says: str) -> None:
    tensors.check_vae(patcher(channels=16), StandInVAE(16))
    with pytest.raises(ValueError, match=says):
        tensors.check_vae(model, vae)


def test_pictures_come_from_a_latent_and_go_back(tensors: ModuleType) -> None:
    latent = torch.rand(2, 4, 3, 5) - 0.5
    latent[:, 3] = 0
    pictures = tensors.decode_latent(StandInVAE(), latent)
    assert pictures.shape == (2, 3, 24, 40)
    assert_is_free(pictures)
    torch.testing.assert_close(tensors.encode_pictures(StandInVAE(), pictures, latent), latent)


@each_case(
    ("method", "answer", "says"),
    ("decode", None, "decodes the prediction to a NoneType, where a tensor is needed: load another"),
    ("decode", torch.zeros(1, 16, 16, 1), r"decodes the prediction to a tensor of \(1, 16, 16, 1\), where pictures"),
    ("decode", torch.full((1, 16, 16, 3), torch.nan), r"prediction to values that are no numbers: .*--fp32-vae"),
    ("encode", None, "encodes the picture to a NoneType, where a tensor is needed: load another"),
    ("encode", torch.zeros(1, 4, 4, 4), r"its own picture to a latent of \(1, 4, 4, 4\), where .* \(1, 4, 2, 2\)"),
    ("encode", torch.full((1, 4, 2, 2), torch.nan), "picture to values that are no numbers: start ComfyUI with"),
)
def test_a_vae_that_answers_otherwise_is_named(tensors: ModuleType, method: str, answer: Any, says: str) -> None:
    vae, latent = make_vae(**{method: lambda *_: answer}), torch.zeros(1, 4, 2, 2)
    run = {
        "decode": lambda: tensors.decode_latent(vae, latent),
        "encode": lambda: tensors.encode_pictures(vae, torch.rand(1, 3, 16, 16), latent),
    }[method]
    with pytest.raises(ValueError, match=says):
        run()


@each_case(
    ("shape", "says"),
    ((1, 4, 0, 8), r"the latent of shape \(.*\) is empty: there is nothing to guide"),
    ((1, 4, 1, 8, 8), "the latent has 5 dimensions, as video and audio have"),
    ((1, 16, 8, 8), "the latent has 16 channels and the VAE 4: connect the VAE"),
)
def test_a_latent_of_another_shape_is_refused(tensors: ModuleType, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tensors.check_latent(torch.zeros(shape), StandInVAE())
