"""A CLIP that is installed from PyPI, so that nothing is downloaded when a workflow runs.

It is made of an image classifier and a sentence encoder, and was never trained on captions. Each of the 1,000 classes
has a direction in the feature space of the classifier: its row in the weight of the last layer, minus the mean of all
rows, scaled to length 1. A linear map is fitted that takes the embeddings of sentences about the classes to these
directions. The same map takes the embeddings of all other sentences to this space. A sentence with a word for several
classes, such as "dog", is fitted to the mean of the directions of these classes. DeViSE (Frome et al., 2013) uses the
same idea, with a map that is trained on images. Sentences about things that neither model was trained on get embeddings
that mean little.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from ..clip import CLIP
from .class_sentences import ClassSentence, compute_class_directions, write_class_sentences
from .download import Progress
from .fitted_projection import RECIPE, RIDGE, fit_class_projection
from .kept_projection import PROJECTION, place_projection, read_projection, write_projection
from .open_clip_models import Config, build_open_clip_module, wrap_open_clip_module
from .open_clip_text import build_tokenizer
from .sentence_encoder import find_sentence_encoder
from .starters import HALF, STARTER, Starter, read_starter
from .weights import fit_weights, read_weights

_WIDTH = 1280
"""How many features the last layer of every EfficientNet-Lite takes: the width of the embeddings."""


def load_starter_clip(
    starter: Starter = STARTER, folder: Path | Literal["auto"] | None = "auto", progress: Progress | None = None
) -> CLIP:
    """Load a CLIP made of a starter classifier and a sentence encoder: frozen, float32, on the CPU.

    The two are joined by a projection: a linear map from the embeddings of sentences to the features of the classifier.
    It is fitted to sentences about the classes.

    Args:
        starter: the classifier: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`, see `load_starter`.
        folder: where the projection is kept, so that it is fitted only once. `auto` for the user's folder,
            usually `~/.cache/torch/hub/direct_ascent` (see `find_cache_folder`); None to keep nothing. The projection
            is fitted again when anything that it depends on has changed, or when the file was damaged or modified. The
            first fit in a process takes half a minute; the fit for another starter then takes a second.
        progress: is called during the fit, with how many of the sentences are encoded and with the number of all
            sentences; encoding takes nearly all of the time. An exception that `progress` raises stops the loading.

    Raises:
        ValueError: when the package of the classifier or of the sentence encoder is not installed (the message contains
            the command to install it), or when the weights in it are missing or are not the expected ones.

    Example:
        >>> from das_core import load_starter_clip
        >>> clip = load_starter_clip()  # doctest: +SKIP
        >>> clip.encode_text(["a coral reef full of fish"]).shape  # doctest: +SKIP
        torch.Size([1, 1280])
    """
    text_folder = find_sentence_encoder()
    config = build_config(starter, text_folder)
    model = build_open_clip_module(config).eval()
    _, classifier = read_starter(starter)
    trunk = {f"visual.trunk.{name}": value for name, value in classifier.items() if not name.startswith("classifier.")}
    encoder = read_weights(text_folder / "model.safetensors")
    names = model.get_submodule("text.transformer").state_dict()
    # The file of the encoder also contains a pooler, which is not used for sentences.
    encoder_state = {f"text.transformer.{name}": value for name, value in encoder.items() if name in names}
    # These tensors keep the values that the model was built with: the scale of the logits, which is not used, and the
    # projection, which is replaced below.
    own = {name: value for name, value in model.state_dict().items() if name.startswith(("logit_", "text.proj."))}
    fit_weights(model, trunk | encoder_state | own, "the starter CLIP", starter.title)

    sentences = write_class_sentences()
    key = _compute_key(starter, text_folder, sentences)
    path = place_projection(folder, starter.architecture)
    projection = read_projection(path, key, own[PROJECTION].shape)
    # Outside of inference mode, because gradients pass through them.
    with torch.inference_mode(False):
        directions = compute_class_directions(classifier["classifier.weight"].clone())
    if projection is None:
        projection = fit_class_projection(model, config, sentences, directions, progress)
        write_projection(path, key, projection)
    model.load_state_dict({PROJECTION: projection}, strict=False)
    published = {"mean": HALF, "std": HALF}
    name = f"Starter CLIP ({starter.title})"
    clip = wrap_open_clip_module(name, model, build_tokenizer(config["text_cfg"]), published)
    return replace(clip, concepts=directions)


def build_config(starter: Starter, text_folder: Path) -> Config:
    """Return the configuration of open_clip for a starter CLIP.

    Args:
        starter: the classifier that is its image tower.
        text_folder: the folder of the sentence encoder.
    """
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
    return {"embed_dim": _WIDTH, "vision_cfg": vision, "text_cfg": text}


def _compute_key(starter: Starter, text_folder: Path, sentences: Sequence[ClassSentence]) -> str:
    """Return a digest of everything that the projection of a starter CLIP depends on."""
    settings = json.dumps([RECIPE, RIDGE, starter.digest, *sentences]).encode()
    digest = hashlib.sha256(settings)
    for name in ("model.safetensors", "tokenizer.json"):
        with (text_folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
