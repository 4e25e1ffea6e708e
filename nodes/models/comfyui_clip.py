"""The node CLIP from ComfyUI: a text encoder and an image encoder of ComfyUI, joined to one judge.

The classes of the encoders are ComfyUI's and differ by model; only what all its CLIP models have in common is used.
"""

from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor, nn

from ...das_core.models.clip import CLIP, TextTower, assemble_clip
from ...das_core.models.judge import Judge, to_triple
from .. import bridge
from ..schema import Clip, schema

_NAME = "ComfyUI's CLIP"


class CLIPFromComfyUI(io.ComfyNode):
    """The node that makes a judge of ComfyUI's CLIP and CLIP Vision."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_CLIPFromComfyUI",
            display_name="CLIP from ComfyUI",
            category="Direct Ascent/models",
            description=(
                "Make a judge of ComfyUI's own CLIP and CLIP Vision, so that files you have serve here too. Both must "
                "be halves of one model: clip_g with CLIP-ViT-bigG, a clip_l with its projection with CLIP-ViT-L. The "
                "text encoders of SD 1.x come without their projection and do not serve."
            ),
            search_aliases=["das", "direct ascent", "clip vision", "clip_l", "clip_g"],
            inputs=[
                io.Clip.Input("clip", tooltip="The half that reads, from Load CLIP, Load Checkpoint or the like."),
                io.ClipVision.Input("clip_vision", tooltip="The half that sees, from Load CLIP Vision."),
            ],
            outputs=[
                Clip.Output("clip", tooltip="For Text Objective and Image Objective (to make images) and Similarity.")
            ],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, clip: Any, clip_vision: Any) -> io.NodeOutput:
        return io.NodeOutput(_join(clip, clip_vision))


class ImageTower(nn.Module):
    """ComfyUI's image encoder as a module through which gradients can flow.

    Args:
        model: the encoder in a CLIP Vision of ComfyUI; called with pixels, it returns the embeddings third.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, views: Tensor) -> Tensor:
        """Return the embeddings (V, D) of normalised views (V, 3, S, S)."""
        # Its layers add to their input in place, and the backward pass of the norm before needs that input as it was.
        norms = [part for part in self.model.modules() if isinstance(part, nn.LayerNorm)]
        hooks = [norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(),)) for norm in norms]
        try:
            embeddings: Tensor = self.model(pixel_values=views.float(), intermediate_output=-2)[2]
        finally:
            for hook in hooks:
                hook.remove()
        return embeddings


def _join(clip: Any, vision: Any) -> CLIP:
    """Return one CLIP of ComfyUI's text encoder and image encoder; ValueError when they do not belong together."""
    tower = ImageTower(vision.model)
    mean, std = to_triple(vision.image_mean), to_triple(vision.image_std)
    # The same weights that ComfyUI manages, but on the device that ascents run on.
    judge = Judge(_NAME, tower, int(vision.image_size), mean, std, bridge.manage_module(vision.model))
    bridge.load_judges([judge], 1)
    tower.eval().requires_grad_(False)
    # First without a text tower, to learn the width of its embeddings.
    width = assemble_clip(judge, None, "shortest", "bicubic").width
    return assemble_clip(judge, _make_text_tower(clip, width), "shortest", "bicubic")


def _make_text_tower(clip: Any, width: int) -> TextTower:
    """Return the text encoder of ComfyUI's CLIP whose embeddings have this width; ValueError when it has none."""
    encoders = {
        name.removeprefix("clip_"): part
        for name, part in clip.cond_stage_model.named_children()
        if isinstance(getattr(getattr(part, "transformer", None), "text_projection", None), nn.Module)
    }
    if not encoders:
        raise ValueError(
            "the text encoder is no CLIP (a T5 or a language model, perhaps), so no image encoder goes with it; load "
            "clip_g, or another CLIP text encoder with its projection"
        )
    widths = {name: part.transformer.text_projection.weight.shape[0] for name, part in encoders.items()}
    name = next((name for name in encoders if widths[name] == width), None)
    if name is None:
        had = " and ".join(f"{size} (clip_{key})" for key, size in widths.items())
        raise ValueError(
            f"the CLIP Vision model has embeddings of {width} numbers and the text encoder of {had}; the two must be "
            "halves of one model: choose a matching pair"
        )
    encoder = encoders[name]
    if not _is_trained_projection(encoder.transformer.text_projection.weight):
        raise ValueError(
            f"the text encoder clip_{name} comes without its text projection (those of SD 1.x do), so what it reads "
            "cannot be compared with images; load clip_g, or a clip_l file that has text_projection"
        )
    return TextTower(_make_encode(clip, encoder, name), _make_count(clip, encoder, name), int(encoder.max_length))


def _is_trained_projection(weight: Tensor) -> bool:
    """Tell whether a text projection comes from a file: without one ComfyUI has unset memory there, or the identity."""
    matrix = weight.detach().float().cpu()
    size = matrix.square().mean().sqrt()
    usual = bool(matrix.isfinite().all()) and 1e-5 < float(size) < 10 and float(matrix.abs().max()) < 1000 * float(size)
    whole = bool(matrix.any(dim=0).all() and matrix.any(dim=1).all())
    square = matrix.shape[0] == matrix.shape[1]
    return usual and whole and not (square and torch.equal(matrix, torch.eye(len(matrix))))


def _make_encode(clip: Any, encoder: Any, name: str) -> Callable[[str], Tensor]:
    """Return the function `encode` of a text tower: a text to its embedding (D,)."""

    def encode(text: str) -> Tensor:
        chunks = _tokenize(clip, name, text)
        # As ComfyUI encodes a text, but with the projection, which some of its CLIP models leave out.
        clip.cond_stage_model.reset_clip_options()
        clip.load_model()
        encoder.set_clip_options({"projected_pooled": True, "execution_device": clip.patcher.load_device})
        try:
            embedding: Tensor = encoder.encode_token_weights(chunks[:1])[1][0]
        finally:
            clip.cond_stage_model.reset_clip_options()
        return embedding

    return encode


def _make_count(clip: Any, encoder: Any, name: str) -> Callable[[str], int]:
    """Return the function `count` of a text tower: how many tokens a text has, its start and its end included."""
    end = encoder.special_tokens["end"]

    def count(text: str) -> int:
        chunks = _tokenize(clip, name, text)
        # ComfyUI gives every chunk a start and an end of its own; the text as a whole has one of each.
        return 2 + sum([token for token, _ in chunk].index(end) - 1 for chunk in chunks)

    return count


def _tokenize(clip: Any, name: str, text: str) -> list[list[tuple[int, float]]]:
    """Return the tokens of a text with their weights, in chunks as long as the encoder can read."""
    # Without weights, so that parentheses are read as text: in Text Objective a weight stands behind the prompt.
    tokens: list[list[tuple[int, float]]] = clip.tokenize(text, disable_weights=True)[name]
    return tokens
