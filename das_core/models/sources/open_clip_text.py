"""Text towers of open_clip: how a text becomes tokens, and tokens an embedding."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ..clip import TextTower
from .hub import fetch_file, fetch_files

Tokenizer: TypeAlias = HFTokenizer | SimpleTokenizer

_VOCABULARIES = (
    "tokenizer.json",
    "special_tokens_map.json",
    "config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""Of these every tokenizer on the hub has some, beside its tokenizer_config.json."""


def localize_config(text: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A text configuration that names folders on disk where it named repositories; what they lack is fetched.

    ValueError when that is not to be had.
    """
    local = dict(text)
    if name := text.get("hf_tokenizer_name"):
        local["hf_tokenizer_name"] = str(fetch_files(name, "tokenizer_config.json", _VOCABULARIES, folder))
    if name := text.get("hf_model_name"):
        local["hf_model_name"] = str(fetch_file(name, ["config.json"], folder).parent)
    return local


def build_tokenizer(text: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that a text configuration names: a folder's, or the one that open_clip brings."""
    length = text.get("context_length", DEFAULT_CONTEXT_LENGTH)
    settings = text.get("tokenizer_kwargs", {})
    if name := text.get("hf_tokenizer_name"):
        with without_torchaudio():
            return HFTokenizer(name, context_length=length, tokenizer_mode=text.get("tokenizer_mode"), **settings)
    return SimpleTokenizer(context_length=length, **settings)


@contextmanager
def without_torchaudio() -> Iterator[None]:
    """Lets transformers be imported where torchaudio cannot be, as one that was built for another torch.

    It imports torchaudio wherever it is installed, for no use of ours, and would fail with it. What stands in for it is
    empty, and gone again afterwards.
    """
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError, AttributeError):
        stand_in = ModuleType("torchaudio")
        stand_in.__spec__ = ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = stand_in
        try:
            yield
        finally:
            del sys.modules["torchaudio"]
    else:
        yield


def build_text_tower(module: nn.Module, tokenizer: Tokenizer) -> TextTower:
    """A module that takes tokens (1, L) to an embedding (1, D), frozen, with what makes tokens of a text."""
    module = module.eval().requires_grad_(False)

    def encode(text: str) -> Tensor:
        device = next(module.parameters()).device
        embedding: Tensor = module(tokenizer([text]).to(device))[0]
        return embedding

    return TextTower(encode, lambda text: _count_tokens(tokenizer, text), int(tokenizer.context_length or 0), module)


def _count_tokens(tokenizer: Tokenizer, text: str) -> int:
    """How many tokens a text has, those included that open a text and close it."""
    if isinstance(tokenizer, SimpleTokenizer):
        return len(tokenizer.encode(text)) + 2
    # Not verbose: it would warn of lengths by itself, in other words.
    return len(tokenizer.tokenizer(tokenizer.clean_fn(text), verbose=False).input_ids)
