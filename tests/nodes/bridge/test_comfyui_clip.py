"""ComfyUI's CLIP and CLIP Vision as one judge, with stand-ins for its classes; tests/comfyui has the real ones."""

import logging
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from comfyui_encoders import END, START, WIDTH, Encoder, ImageEncoder, make_text, make_vision
from das_core.common.modes import own_modes
from loaded_pack import Pack, assert_is_free


def join(pack: Pack, clip: Any, clip_vision: Any) -> Any:
    bridge = pack.module("nodes.bridge")
    with torch.inference_mode():
        return own_modes()(bridge.join_clip)(clip, clip_vision)


def normalised(embedding: Tensor) -> Tensor:
    return embedding / embedding.norm(dim=-1, keepdim=True)


def test_both_halves_become_one_clip(pack: Pack) -> None:
    half, other = make_text(), make_vision()
    clip = join(pack, half, other)
    assert (clip.name, clip.size, clip.width) == ("ComfyUI's CLIP", 16, WIDTH)
    assert clip.mean == pytest.approx((0.4, 0.5, 0.6))
    assert clip.std == pytest.approx((0.2, 0.3, 0.25))
    assert clip.text_tower.context_length == Encoder.max_length
    assert (clip.text_tower.reads("a cat"), clip.text_tower.reads("\u732b")) == (True, False)
    # Parentheses are text and no weights.
    assert not torch.allclose(*clip.encode_text(["a cat", "a (cat)"]))
    # The weights themselves, not copies of them, are in the care of ComfyUI's own patcher: a second one around the
    # same module would be taken for a leak.
    assert clip.owner is other.patcher
    assert clip.module.model is other.model
    assert not any(parameter.requires_grad for parameter in other.model.parameters())


def test_images_are_embedded_as_by_comfyuis_encoder(pack: Pack) -> None:
    other = make_vision()
    clip = join(pack, make_text(), other)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    mean, std = (torch.tensor(value)[:, None, None] for value in (other.image_mean, other.image_std))
    expected = other.model(pixel_values=(images - mean) / std, intermediate_output=-2)[2]
    torch.testing.assert_close(clip.encode_images(images), normalised(expected))


def test_a_text_is_embedded_as_by_the_encoder_of_the_same_width_with_its_projection(pack: Pack) -> None:
    small, large = Encoder(WIDTH, seed=1), Encoder(20, seed=2)
    encoder: Any
    for width, encoder in ((WIDTH, small), (20, large)):
        half = make_text(clip_l=small, clip_g=large)
        embedding = join(pack, half, make_vision(width)).encode_text(["a cat"])
        pooled = encoder.table[[START, 1, 3, END]].mean(dim=0)
        torch.testing.assert_close(embedding[0], normalised(encoder.transformer.text_projection(pooled)))
        assert_is_free(embedding)
        assert half.loads > 0, "ComfyUI has to bring its model to the device"
        assert encoder.options == {"projected_pooled": False}, "what the node has set must not stay set"


def test_of_a_long_text_the_first_chunk_is_read_and_the_rest_told(pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    clip = join(pack, make_text(), make_vision())
    long = "one three three five four three five"
    assert (clip.text_tower.count("one three"), clip.text_tower.count(long)) == (4, 9)
    with caplog.at_level(logging.WARNING):
        whole, first = clip.encode_text([long, long.rpartition(" ")[0]])
    assert torch.equal(whole, first)
    assert "1 of its 9 tokens were cut" in caplog.text


def test_a_gradient_flows_through_layers_that_add_in_place(pack: Pack) -> None:
    tower = pack.module("nodes.bridge.comfyui_clip").ImageTower(ImageEncoder(WIDTH).requires_grad_(False))
    views = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3)).requires_grad_()
    (gradient,) = torch.autograd.grad(tower(views).square().sum(), views)
    with pytest.raises(RuntimeError, match="inplace"):
        tower.model(views, -2)[2].square().sum().backward()
    tower.model.in_place = False
    (expected,) = torch.autograd.grad(tower.model(views, -2)[2].square().sum(), views)
    torch.testing.assert_close(gradient, expected)
    # ComfyUI's encoder is left as it was, also when it fails.
    with pytest.raises(RuntimeError):
        tower(torch.rand(1, 4, 16, 16))
    assert not tower.model.norm._forward_pre_hooks


class LanguageModel(nn.Module):
    """A text encoder that is no CLIP."""

    transformer = None


def no_clip_vision() -> Any:
    other = make_vision()
    other.model.projection = nn.Identity()
    other.model.forward = lambda pixel_values, intermediate_output: (None, None, pixel_values)
    return other


@each_case(
    ("half", "other", "says"),
    (None, make_vision(), r"clip is NoneType, not a text encoder.*Load CLIP$"),
    (make_text(), None, r"clip_vision is NoneType, not an image encoder.*Vision$"),
    (make_text(t5xxl=LanguageModel()), make_vision(), r"the text encoder is no CLIP .* load clip_g"),
    (
        make_text(clip_l=Encoder(8, seed=1), clip_g=Encoder(20, seed=2)),
        make_vision(),
        r"has embeddings of 12 numbers and the text encoder of 8 \(clip_l\) and 20 \(clip_g\); .* matching pair",
    ),
    (make_text(), no_clip_vision(), r"ComfyUI's CLIP does not answer an image with one embedding"),
)
def test_halves_that_are_no_clip_are_named(pack: Pack, half: Any, other: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        join(pack, half, other)


RANDOM = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(4))


def spoilt(value: float, *place: int | slice) -> Tensor:
    matrix = RANDOM.clone()
    matrix[place] = value
    return matrix


MISSING = {
    "zeros": torch.zeros(WIDTH, WIDTH),
    "the identity": torch.eye(WIDTH),
    "a number that is none": spoilt(float("nan"), 0, 0),
    "an infinite number": spoilt(float("inf"), 0, 0),
    "a row of zeros": spoilt(0.0, 3, slice(None)),
    "a column of zeros": spoilt(0.0, slice(None), 3),
    "numbers like those of an address": torch.full((WIDTH, WIDTH), 1e20),
    "numbers that are hardly any": RANDOM * 1e-7,
    "numbers whose squares are zeros": torch.full((WIDTH, WIDTH), 1e-30),
}


@each_case("matrix", *MISSING.values())
def test_a_text_encoder_without_its_projection_is_named(pack: Pack, matrix: Tensor) -> None:
    half: Any = make_text()
    half.cond_stage_model.clip_l.transformer.text_projection.weight.data = matrix
    with pytest.raises(ValueError, match=r"clip_l comes without its text projection .* load clip_g, or a clip_l file"):
        join(pack, half, make_vision())


def test_a_projection_of_a_usual_size_and_of_any_shape_is_taken_for_trained(pack: Pack) -> None:
    is_trained, small = pack.module("nodes.bridge.comfyui_clip")._is_trained_projection, torch.full((2000, 1000), 1e-3)
    for matrix in (RANDOM / 30, RANDOM.half(), RANDOM[:, :7], torch.eye(WIDTH) + RANDOM / 1000, small):
        assert is_trained(matrix)
    # One large number among small ones is memory and no weight.
    small[5, 5] = 9.0
    assert not is_trained(small)
