"""CLIP from ComfyUI, with stand-ins for what the node uses of ComfyUI's classes; tests/comfyui has the real ones."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from loaded_pack import STEADY, Pack, assert_is_free

START, END = 98, 99
WIDTH = 12


class Encoder(nn.Module):
    """Stands for comfy.sd1_clip.SDClipModel: chunks of tokens to an embedding, projected when its options say so."""

    max_length = 8
    special_tokens = {"start": START, "end": END, "pad": END}  # noqa: RUF012

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.randn(100, width, generator=generator))
        self.transformer = nn.Module()
        self.transformer.text_projection = nn.Linear(width, width, bias=False)
        self.transformer.text_projection.weight.data = torch.randn(width, width, generator=generator)
        self.options: dict[str, Any] = {}

    def set_clip_options(self, options: dict[str, Any]) -> None:
        self.options |= options

    def encode_token_weights(self, chunks: list[list[tuple[int, float]]]) -> tuple[None, Tensor]:
        assert self.options["execution_device"] == torch.device("cpu")
        # The end of the first chunk sums up what stands before it, as in a causal transformer.
        tokens = [token for token, _ in chunks[0]]
        pooled = self.table[tokens[: tokens.index(END) + 1]].mean(dim=0, keepdim=True)
        return None, self.transformer.text_projection(pooled) if self.options["projected_pooled"] else pooled


class TextEncoder:
    """Stands for comfy.sd.CLIP: a tokenizer that knows words by their length, and encoders by name."""

    def __init__(self, **encoders: nn.Module) -> None:
        self.cond_stage_model = nn.Module()
        for name, encoder in encoders.items():
            self.cond_stage_model.add_module(name, encoder)
        self.cond_stage_model.reset_clip_options = self.reset  # type: ignore[assignment]
        self.patcher = SimpleNamespace(load_device=torch.device("cpu"))
        self.loads = 0

    def reset(self) -> None:
        for encoder in self.cond_stage_model.children():
            encoder.options = {"projected_pooled": False}  # type: ignore[assignment]

    def load_model(self) -> None:
        self.loads += 1

    def tokenize(self, text: str, disable_weights: bool = False) -> dict[str, list[list[tuple[int, float]]]]:
        words = text.split() if disable_weights else text.replace("(", "").replace(")", "").split()
        fitting = Encoder.max_length - 2
        chunks = []
        for first in range(0, max(1, len(words)), fitting):
            part = [START, *(len(word) for word in words[first : first + fitting]), END]
            chunks.append([(token, 1.0) for token in part + [END] * (Encoder.max_length - len(part))])
        return {name.removeprefix("clip_"): chunks for name, _ in self.cond_stage_model.named_children()}


class ImageEncoder(nn.Module):
    """Stands for comfy.clip_model.CLIPVisionModelProjection, whose layers add to their input in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.patches = nn.Conv2d(3, 6, 8, stride=8)
        self.norm = nn.LayerNorm(6)
        self.layer = nn.Linear(6, 6)
        self.projection = nn.Linear(6, width, bias=False)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 2
        self.in_place = True

    def forward(self, pixel_values: Tensor, intermediate_output: int) -> tuple[Tensor, None, Tensor]:
        assert (pixel_values.dtype, intermediate_output) == (torch.float32, -2)
        tokens = self.patches(pixel_values).flatten(2).transpose(1, 2)
        change = self.layer(self.norm(tokens)).tanh()
        if self.in_place:
            tokens += change
        else:
            tokens = tokens + change
        return tokens, None, self.projection(tokens.mean(dim=1))


def vision(width: int = WIDTH) -> SimpleNamespace:
    """Stands for comfy.clip_vision.ClipVisionModel."""
    return SimpleNamespace(
        model=ImageEncoder(width), image_size=16, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.25]
    )


def text(**encoders: nn.Module) -> TextEncoder:
    return TextEncoder(**(encoders or {"clip_l": Encoder(WIDTH, seed=1)}))


def join(pack: Pack, clip: Any, clip_vision: Any) -> Any:
    return pack.run("DAS_CLIPFromComfyUI", clip=clip, clip_vision=clip_vision)[0]


def normalised(embedding: Tensor) -> Tensor:
    return embedding / embedding.norm(dim=-1, keepdim=True)


def test_both_halves_become_one_clip(pack: Pack) -> None:
    half, other = text(), vision()
    clip = join(pack, half, other)
    assert (clip.name, clip.size, clip.width) == ("ComfyUI's CLIP", 16, WIDTH)
    assert clip.mean == pytest.approx((0.4, 0.5, 0.6))
    assert clip.std == pytest.approx((0.2, 0.3, 0.25))
    assert clip.text_tower.context_length == Encoder.max_length
    # The weights themselves, not copies of them, are in the care of the memory manager.
    assert clip.owner.model is other.model
    assert clip.module.model is other.model
    assert not any(parameter.requires_grad for parameter in other.model.parameters())


def test_images_are_embedded_as_by_comfyuis_encoder(pack: Pack) -> None:
    other = vision()
    clip = join(pack, text(), other)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    mean, std = (torch.tensor(value)[:, None, None] for value in (other.image_mean, other.image_std))
    expected = other.model(pixel_values=(images - mean) / std, intermediate_output=-2)[2]
    torch.testing.assert_close(clip.encode_images(images), normalised(expected))


def test_a_text_is_embedded_as_by_comfyuis_encoder_with_its_projection(pack: Pack) -> None:
    half = text()
    encoder = half.cond_stage_model.clip_l
    embedding = join(pack, half, vision()).encode_text(["a cat"])
    pooled = encoder.table[[START, 1, 3, END]].mean(dim=0)
    torch.testing.assert_close(embedding[0], normalised(encoder.transformer.text_projection(pooled)))
    assert_is_free(embedding)
    assert half.loads > 0, "ComfyUI has to bring its model to the device"
    assert encoder.options == {"projected_pooled": False}, "what the node has set must not stay set"


def test_parentheses_are_read_as_text(pack: Pack) -> None:
    clip = join(pack, text(), vision())
    plain, nested = clip.encode_text(["a cat", "a (cat)"])
    assert not torch.allclose(plain, nested)


def test_of_a_long_text_only_the_first_chunk_is_read_and_the_rest_is_told(
    pack: Pack, caplog: pytest.LogCaptureFixture
) -> None:
    clip = join(pack, text(), vision())
    long = "one three three five four three five"
    assert (clip.text_tower.count("one three"), clip.text_tower.count(long)) == (4, 9)
    with caplog.at_level(logging.WARNING):
        whole, first = clip.encode_text([long, long.rpartition(" ")[0]])
    assert torch.equal(whole, first)
    assert "1 of its 9 tokens were cut" in caplog.text


def test_of_two_text_encoders_the_one_of_the_same_width_is_taken(pack: Pack) -> None:
    small, large = Encoder(WIDTH, seed=1), Encoder(20, seed=2)
    for width, encoder in ((WIDTH, small), (20, large)):
        clip = join(pack, text(clip_l=small, clip_g=large), vision(width))
        pooled = encoder.table[[START, 1, 3, END]].mean(dim=0)
        torch.testing.assert_close(
            clip.encode_text(["a cat"])[0], normalised(encoder.transformer.text_projection(pooled))
        )


def test_a_gradient_flows_through_layers_that_add_in_place(pack: Pack) -> None:
    tower = pack.module("nodes.models.comfyui_clip").ImageTower(ImageEncoder(WIDTH).requires_grad_(False))
    views = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3)).requires_grad_()
    (gradient,) = torch.autograd.grad(tower(views).square().sum(), views)
    with pytest.raises(RuntimeError, match="inplace"):
        tower.model(views, -2)[2].square().sum().backward()
    tower.model.in_place = False
    (expected,) = torch.autograd.grad(tower.model(views, -2)[2].square().sum(), views)
    torch.testing.assert_close(gradient, expected)


def test_comfyuis_encoder_is_left_as_it_was_also_when_it_fails(pack: Pack) -> None:
    encoder = ImageEncoder(WIDTH)
    tower = pack.module("nodes.models.comfyui_clip").ImageTower(encoder)
    tower(torch.rand(1, 3, 16, 16))
    with pytest.raises(RuntimeError):
        tower(torch.rand(1, 4, 16, 16))
    assert not encoder.norm._forward_pre_hooks


def test_words_climb_under_comfyuis_clip(pack: Pack) -> None:
    clip = join(pack, text(), vision())
    (objective,) = pack.run("DAS_TextObjective", clip=clip, text="a cat")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=4, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


def test_a_text_encoder_that_is_no_clip_is_named(pack: Pack) -> None:
    class LanguageModel(nn.Module):
        transformer = None

    with pytest.raises(ValueError, match=r"the text encoder is no CLIP .* load clip_g"):
        join(pack, text(t5xxl=LanguageModel()), vision())


def test_halves_of_two_models_are_named_with_their_widths(pack: Pack) -> None:
    half = text(clip_l=Encoder(8, seed=1), clip_g=Encoder(20, seed=2))
    message = (
        r"CLIP Vision model has embeddings of 12 numbers and the text encoder of 8 \(clip_l\) and 20 \(clip_g\); .* "
        "choose a matching pair"
    )
    with pytest.raises(ValueError, match=message):
        join(pack, half, vision())


def test_an_image_encoder_that_is_no_clip_is_named(pack: Pack) -> None:
    other = vision()
    other.model.projection = nn.Identity()
    other.model.forward = lambda pixel_values, intermediate_output: (None, None, pixel_values)
    with pytest.raises(ValueError, match="ComfyUI's CLIP does not answer an image with one embedding"):
        join(pack, text(), other)


RANDOM = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(4))


def spoilt(value: float, *place: int | slice) -> Tensor:
    matrix = RANDOM.clone()
    matrix[place] = value
    return matrix


MISSING = {
    "zeros": torch.zeros(WIDTH, WIDTH),
    "the identity": torch.eye(WIDTH),
    "the identity in half precision": torch.eye(WIDTH).half(),
    "a number that is none": spoilt(float("nan"), 0, 0),
    "an infinite number": spoilt(float("inf"), 0, 0),
    "a row of zeros": spoilt(0.0, 3, slice(None)),
    "a column of zeros": spoilt(0.0, slice(None), 3),
    "numbers like those of an address": torch.full((WIDTH, WIDTH), 1e20),
    "numbers that are hardly any": RANDOM * 1e-7,
    "numbers whose squares are zeros": torch.full((WIDTH, WIDTH), 1e-30),
}


@pytest.mark.parametrize("matrix", MISSING.values(), ids=MISSING)
def test_a_text_encoder_without_its_projection_is_named(pack: Pack, matrix: Tensor) -> None:
    half = text()
    half.cond_stage_model.clip_l.transformer.text_projection.weight.data = matrix
    with pytest.raises(ValueError, match=r"clip_l comes without its text projection .* load clip_g, or a clip_l file"):
        join(pack, half, vision())


def test_one_large_number_among_small_ones_is_memory_and_no_weight(pack: Pack) -> None:
    matrix = torch.full((2000, 1000), 1e-3)
    is_trained = pack.module("nodes.models.comfyui_clip")._is_trained_projection
    assert is_trained(matrix)
    matrix[5, 5] = 9.0
    assert not is_trained(matrix)


@pytest.mark.parametrize("matrix", [RANDOM / 30, RANDOM.half(), RANDOM[:, :7], torch.eye(WIDTH) + RANDOM / 1000])
def test_a_projection_of_a_usual_size_and_of_any_shape_is_taken_for_trained(pack: Pack, matrix: Tensor) -> None:
    assert pack.module("nodes.models.comfyui_clip")._is_trained_projection(matrix)
