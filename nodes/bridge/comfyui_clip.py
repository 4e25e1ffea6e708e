"""Joins ComfyUI's own CLIP and CLIP Vision into one CLIP of das_core.

The classes of ComfyUI's encoders differ from model to model, so this module uses only attributes that all of ComfyUI's
CLIP models have.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...das_core.models.clip import CLIP, assemble_clip
from ...das_core.models.judge import Judge, to_triple
from ...das_core.models.text_tower import TextTower, is_mostly_latin
from .memory import load_judges, share_patcher

_NAME = "ComfyUI's CLIP"


class ImageTower(nn.Module):
    """ComfyUI's image encoder as a module through which gradients can flow."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, views: Tensor) -> Tensor:
        """Return the embeddings (V, D) of normalised views (V, 3, S, S)."""
        # After a norm has run, later layers change the input of the norm in place, but the backward pass of the norm
        # needs this input unchanged. So each norm is given a copy.
        norms = [part for part in self.model.modules() if isinstance(part, nn.LayerNorm)]
        hooks = [norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(),)) for norm in norms]
        try:
            embeddings: Tensor = self.model(pixel_values=views.float(), intermediate_output=-2)[2]
        finally:
            for hook in hooks:
                hook.remove()
        return embeddings


def join_clip(clip: Any, vision: Any) -> CLIP:
    """Return one CLIP made of ComfyUI's text encoder and image encoder; call it under `own_modes`."""
    if not hasattr(clip, "cond_stage_model"):
        raise ValueError(
            f"clip is {type(clip).__name__}, not a text encoder: perhaps the file it comes from holds none; load one "
            "with Load CLIP"
        )
    if not isinstance(getattr(vision, "model", None), nn.Module):
        raise ValueError(
            f"clip_vision is {type(vision).__name__}, not an image encoder: perhaps the file it comes from holds none; "
            "load one with Load CLIP Vision"
        )
    tower = ImageTower(vision.model)
    mean, std = to_triple(vision.image_mean), to_triple(vision.image_std)
    judge = Judge(_NAME, tower, int(vision.image_size), mean, std, owner=share_patcher(vision.patcher))
    load_judges([judge], 1)
    tower.eval().requires_grad_(False)
    # Build once without text to read the embedding width.
    width = assemble_clip(judge, None, "shortest", "bicubic").width
    return assemble_clip(judge, _make_text_tower(clip, width), "shortest", "bicubic")


def _make_text_tower(clip: Any, width: int) -> TextTower:
    """Return a text tower with the encoder of `clip` whose embeddings have this width."""
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
    encode, count = _make_encode(clip, encoder, name), _make_count(clip, encoder, name)
    # `is_mostly_latin`, because clip_l, clip_g and clip_h share a vocabulary that was made for English.
    return TextTower(encode, count, int(encoder.max_length), reads=is_mostly_latin)


_MIN_RMS, _MAX_RMS = 1e-5, 10.0
"""Bounds of the root mean square (RMS) of the weights of a trained projection. Training starts at an RMS of width^-0.5,
about 0.03 for a width of 1,000, and each bound is more than a factor of 100 away from this value. The values of unset
memory, read as float32, are mostly far outside the bounds."""

_MAX_PEAK = 1000.0
"""Maximum ratio of the largest absolute weight to the RMS. The largest of a million normally distributed weights is
about 5 times their RMS; in unset memory one number can be larger than all others together."""


def _is_trained_projection(weight: Tensor) -> bool:
    """Return whether a text projection was loaded from a file; otherwise it is the identity or unset memory."""
    matrix = weight.detach().float().cpu()
    if not bool(matrix.isfinite().all()):
        return False
    rms = float(matrix.square().mean().sqrt())
    has_usual_size = _MIN_RMS < rms < _MAX_RMS
    has_no_outlier = float(matrix.abs().max()) < _MAX_PEAK * rms
    has_no_empty_line = bool(matrix.any(dim=0).all() and matrix.any(dim=1).all())
    is_identity = matrix.shape[0] == matrix.shape[1] and torch.equal(matrix, torch.eye(len(matrix)))
    return has_usual_size and has_no_outlier and has_no_empty_line and not is_identity


def _make_encode(clip: Any, encoder: Any, name: str) -> Callable[[str], Tensor]:
    """Return the function `encode` of a text tower, which takes a text and returns its embedding (D,)."""

    def encode(text: str) -> Tensor:
        chunks = _tokenize(clip, name, text)
        # ComfyUI itself encodes texts by these calls. Only `projected_pooled` is added here, because some of ComfyUI's
        # CLIP models leave out the projection.
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
    """Return the function `count` of a text tower, which takes a text and returns the number of its tokens."""
    end = encoder.special_tokens["end"]

    def count(text: str) -> int:
        chunks = _tokenize(clip, name, text)
        # ComfyUI gives every chunk a start token and an end token; `index(end) - 1` tokens lie between the two. The 2
        # stands for one start token and one end token of the whole text.
        return 2 + sum([token for token, _ in chunk].index(end) - 1 for chunk in chunks)

    return count


def _tokenize(clip: Any, name: str, text: str) -> list[list[tuple[int, float]]]:
    """Return the tokens of a text with their weights, in chunks, each of the length that the encoder reads."""
    # Without `disable_weights`, ComfyUI would read parentheses as weights. The nodes have taken off the weights before,
    # so parentheses that are left belong to the text.
    tokens: list[list[tuple[int, float]]] = clip.tokenize(text, disable_weights=True)[name]
    return tokens
