"""Stand-ins for what the pack uses of ComfyUI's CLIP classes; tests/comfyui uses the real classes."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

START, END = 98, 99
WIDTH = 12


class Encoder(nn.Module):
    """Stands for comfy.sd1_clip.SDClipModel: makes an embedding of chunks of tokens."""

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
        # The embedding depends on all tokens of the first chunk up to END, as that of END in a causal transformer does.
        tokens = [token for token, _ in chunks[0]]
        pooled = self.table[tokens[: tokens.index(END) + 1]].mean(dim=0, keepdim=True)
        project = self.transformer.get_submodule("text_projection")
        return None, project(pooled) if self.options["projected_pooled"] else pooled


class TextEncoder:
    """Stands for comfy.sd.CLIP: named encoders, and a tokenizer whose token for a word is the length of the word."""

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
    """Stands for comfy.clip_model.CLIPVisionModelProjection; like there, the layer changes its input in place."""

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
        tokens = tokens.add_(change) if self.in_place else tokens + change
        return tokens, None, self.projection(tokens.mean(dim=1))


def make_vision(width: int = WIDTH) -> SimpleNamespace:
    """Return a stand-in for comfy.clip_vision.ClipVisionModel, whose embeddings have `width` numbers."""
    # Imported here, because only the tests of the nodes have ComfyUI or its stand-in.
    from comfy.model_patcher import ModelPatcher

    model = ImageEncoder(width)
    return SimpleNamespace(
        model=model,
        patcher=ModelPatcher(model, torch.device("cpu"), torch.device("cpu")),
        image_size=16,
        image_mean=[0.4, 0.5, 0.6],
        image_std=[0.2, 0.3, 0.25],
    )


def make_text(**encoders: nn.Module) -> TextEncoder:
    """Return a text encoder with the given encoders; by default with `clip_l` alone, as wide as the image encoder."""
    return TextEncoder(**(encoders or {"clip_l": Encoder(WIDTH, seed=1)}))
