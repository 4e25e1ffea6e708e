"""Tensors on their way from ComfyUI to das_core and back."""

from types import ModuleType

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_is_free, assert_is_image


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge")


def test_an_image_comes_in_free_of_inference_mode_however_it_lies_in_memory(bridge: ModuleType) -> None:
    with torch.inference_mode():
        for image in (torch.rand(1, 8, 9, 3), torch.rand(1, 3, 8, 9).movedim(1, -1)):
            taken = bridge.enable_autograd(bridge.from_comfy_images)(image)
            assert_is_free(taken)
            assert taken.is_contiguous()
            assert torch.equal(taken, image.movedim(-1, 1))
            assert taken.data_ptr() != image.data_ptr()


def test_what_requires_a_gradient_comes_in_without_it(bridge: ModuleType) -> None:
    image, mask = torch.rand(1, 8, 9, 3, requires_grad=True), torch.rand(1, 8, 9, requires_grad=True)
    for taken in (bridge.from_comfy_images(image), bridge.from_comfy_mask(mask)):
        assert taken.is_leaf
        assert not taken.requires_grad


@each_case("shape", [(9, 9, 3), (9, 9), (1, 1, 9, 9, 3)])
def test_an_image_without_four_dimensions_is_refused(bridge: ModuleType, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"an IMAGE of shape \(.*\) came in; \[batch, height, width, channels\]"):
        bridge.from_comfy_images(torch.rand(shape))


@each_case("dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_images_and_masks_that_are_no_floating_point_numbers_are_refused(
    bridge: ModuleType, dtype: torch.dtype
) -> None:
    kind = str(dtype).removeprefix("torch.")
    with pytest.raises(ValueError, match=rf"an IMAGE of {kind} came in, .* look at the node that made it"):
        bridge.from_comfy_images(torch.ones(1, 4, 4, 3).to(dtype))
    with pytest.raises(ValueError, match=rf"a MASK of {kind} came in"):
        bridge.from_comfy_mask(torch.ones(1, 4, 4).to(dtype))


def test_a_mask_comes_in_as_a_free_copy(bridge: ModuleType) -> None:
    with torch.inference_mode():
        mask = torch.rand(2, 5, 6).half()
        taken = bridge.enable_autograd(bridge.from_comfy_mask)(mask)
    assert_is_free(taken)
    assert (taken.dtype, taken.device.type) == (torch.float32, "cpu")
    assert torch.equal(taken, mask.float())
    whole = torch.rand(2, 5, 6)
    assert bridge.from_comfy_mask(whole).data_ptr() != whole.data_ptr()


def test_images_go_out_as_comfyui_has_them_and_come_in_the_same(bridge: ModuleType) -> None:
    images = torch.rand(2, 3, 5, 6, requires_grad=True)
    returned = bridge.to_comfy_images(images * 1)
    assert_is_image(returned, 2, 5, 6)
    assert torch.equal(returned, images.detach().movedim(1, -1))
    assert torch.equal(bridge.from_comfy_images(returned), images)
    assert_is_image(bridge.to_comfy_images(images.detach().double()), 2, 5, 6)


def test_masks_go_out_as_comfyui_has_them(bridge: ModuleType) -> None:
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
