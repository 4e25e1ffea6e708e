"""A CLIP that is installed from PyPI, so that nothing is downloaded when a workflow runs (docs/starter_clip.md)."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import torch

from ..clip import CLIP
from .class_sentences import compute_class_directions, write_class_sentences
from .download import Progress, compute_digest
from .fitted_projection import RECIPE, RIDGE, find_sentence_encoder, fit_class_projection
from .kept_tensors import place_projection, read_tensors, write_tensors
from .open_clip_models import Config, build_open_clip_module, wrap_open_clip_module
from .open_clip_text import build_tokenizer
from .starters import HALF, STARTER, Starter, read_starter
from .weights import UndrawnWeights, fit_weights, read_weights

PROJECTION = "text.proj.weight"  # The name of the fitted projection in its file and in the model.


def load_starter_clip(starter: Starter = STARTER, folder: Path | None = None, progress: Progress | None = None) -> CLIP:
    """Load a CLIP made of a starter classifier and a sentence encoder: frozen, float32, on the CPU.

    Args:
        starter: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`.
        folder: keeps the projection that joins the two, so that it is fitted, in half a minute, only once; None for the
            user's folder, usually `~/.cache/torch/hub/direct_ascent`.
        progress: is called during the fit, with how many sentences of how many are encoded; an exception stops it.

    Example:
        >>> load_starter_clip().encode_text(["a coral reef full of fish"]).shape  # doctest: +SKIP
        torch.Size([1, 1280])
    """
    text_folder = find_sentence_encoder()
    config = build_config(starter, text_folder)
    with UndrawnWeights():
        model = build_open_clip_module(config).eval()
    _, classifier = read_starter(starter)
    trunk = {f"visual.trunk.{name}": value for name, value in classifier.items() if not name.startswith("classifier.")}
    encoder = read_weights(text_folder / "model.safetensors")
    names = model.get_submodule("text.transformer").state_dict()
    # The file of the encoder also contains a pooler, which is not used for sentences.
    encoder_state = {f"text.transformer.{name}": value for name, value in encoder.items() if name in names}
    # These keep what they were built with: the scale of the logits, not used, and the projection, replaced below.
    own = {name: value for name, value in model.state_dict().items() if name.startswith(("logit_", "text.proj."))}
    fit_weights(model, trunk | encoder_state | own, "the starter CLIP", starter.title)

    sentences = write_class_sentences()
    # The key of the kept projection is a digest of everything that it depends on.
    digest = hashlib.sha256(json.dumps([RECIPE, RIDGE, starter.digest, *sentences]).encode())
    for name in ("model.safetensors", "tokenizer.json"):
        digest.update(bytes.fromhex(compute_digest(text_folder / name)))
    key = digest.hexdigest()
    path = place_projection(folder, starter.architecture)
    kept = read_tensors(path, key, {PROJECTION: own[PROJECTION].shape})
    # Outside of inference mode, because gradients pass through them.
    with torch.inference_mode(False):
        directions = compute_class_directions(classifier["classifier.weight"].clone())
    if kept is None:
        kept = {PROJECTION: fit_class_projection(model, config, sentences, directions, progress)}
        write_tensors(path, key, kept)
    model.load_state_dict(kept, strict=False)
    name, tokenizer = f"Starter CLIP ({starter.title})", build_tokenizer(config["text_cfg"])
    clip = wrap_open_clip_module(name, model, tokenizer, {"mean": HALF, "std": HALF})
    return replace(clip, concepts=directions)


def build_config(starter: Starter, text_folder: Path) -> Config:
    """Return the configuration of open_clip for a starter CLIP whose sentence encoder is in a folder."""
    vision = {
        "timm_model_name": starter.architecture,
        "timm_pool": "avg",
        "timm_proj": "none",
        "image_size": starter.size,
    }
    text = {
        "hf_model_name": str(text_folder),
        "hf_tokenizer_name": str(text_folder),
        "hf_pooler_type": "mean_pooler",
        "hf_proj_type": "linear",
    }
    # The last layer of every EfficientNet-Lite takes 1,280 features.
    return {"embed_dim": 1280, "vision_cfg": vision, "text_cfg": text}
