"""Text towers of open_clip: tokenizers, and the networks that embed their tokens."""

import importlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import torch
import transformers
from open_clip.hf_configs import arch_dict
from open_clip.hf_model import HFTextEncoder
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ...common.text import shorten
from ..text_tower import TextTower, is_mostly_latin, knows_other_scripts
from .download import Progress, fetch_file
from .weights import RefusedError

Tokenizer: TypeAlias = HFTokenizer | SimpleTokenizer  # From the hub, or that of OpenAI's CLIP, which open_clip has.

_VOCABULARIES = (
    "tokenizer.json", "special_tokens_map.json", "config.json", "vocab.txt", "vocab.json", "merges.txt",
    "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
"""The files that a tokenizer on the hub may have besides tokenizer_config.json; every tokenizer has some of them."""

_LARGEST_NUMBER, _MOST_LAYERS = 2**20, 128
"""The largest number and the most layers in the configuration of a text tower; in published ones 256,206 and 24."""

_MOST_TIMES, _ALWAYS_ALLOWED = 4, 2**24
"""The network of a text tower may have at most four times as many numbers as the weights for it, plus 2**24. It has
more numbers than the weights if only a part of it is used, such as the encoder of a T5, which is half of it."""


@cache
def prepare_transformers() -> None:
    """Tell transformers that there is no torchaudio if importing it fails, as when it was built for another torch:
    transformers looks only for its files, and would import it with every network. Nothing changes but what transformers
    answers from then on, which is true, so that other threads need not be shielded from it."""
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError, AttributeError):
        for module in (transformers.utils, transformers.utils.import_utils):
            module.is_torchaudio_available = lambda: False


def localize_config(text: Mapping[str, Any], folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Return a text configuration with folders on disk in place of repositories; missing files are downloaded."""
    local = dict(text)
    if name := text.get("hf_tokenizer_name"):
        found = fetch_file(name, ["tokenizer_config.json"], folder, progress, _VOCABULARIES)
        local["hf_tokenizer_name"] = str(found.parent)
    if name := text.get("hf_model_name"):
        local["hf_model_name"] = str(fetch_file(name, ["config.json"], folder, progress).parent)
    return local


def check_text_config(text: Mapping[str, Any], held: int) -> None:
    """Raise an error when a configuration on disk names code, or a network far larger than its `held` weights. Without
    `hf_model_name` nothing is checked, because the sizes then come from open_clip and not from a file."""
    path = Path(text.get("hf_model_name", "")) / "config.json"
    if "hf_model_name" in text and (fault := _find_fault(path, held)):
        advice = f"delete {path} if you did not put it there, or choose another model"
        raise RefusedError(f"'{path}' was refused: {fault}; {advice}")


def _find_fault(path: Path, held: int) -> str | None:
    """Return why the network of a configuration is not built; None if it can be."""
    content = json.loads(path.read_text(encoding="utf-8"))
    kind = content.get("model_type")
    if kind not in arch_dict:
        known = ", ".join(arch_dict)
        return f"it describes a network of the type '{shorten(kind)}', and text towers are of {known}"
    # An implementation of attention with a slash in its name is a repository of compiled code. Other code that comes
    # with a model (`auto_map`) is not run for these types of networks, unless `trust_remote_code` is set.
    attention = [content.get(key) for key in ("attn_implementation", "_attn_implementation")]
    if "/" in json.dumps(attention):
        return f"it names a program ({shorten(str(attention))})"
    # Checked before the network is built, because with some numbers even building it on the meta device would not end.
    for name, number in _list_numbers("", content):
        # `not … <=` and not `>`, so that NaN is refused, too.
        if not abs(number) <= (_MOST_LAYERS if name.endswith("layers") else _LARGEST_NUMBER):
            return f"its {shorten(name)} is {shorten(number)}, more than a text tower has"
    prepare_transformers()
    with torch.device("meta"):
        config = transformers.AutoConfig.from_pretrained(path.parent, trust_remote_code=False)
        network = transformers.AutoModel.from_config(config, trust_remote_code=False)
    needed = sum(tensor.numel() for tensor in itertools.chain(network.parameters(), network.buffers()))
    if needed > _MOST_TIMES * held + _ALWAYS_ALLOWED:
        weights = f"the weights for it are {held / 1e6:.1f} million"
        return f"its network would have {needed / 1e6:.0f} million numbers, and {weights}"
    return None


def _list_numbers(name: str, value: object) -> Iterator[tuple[str, float]]:
    """Yield every number in a JSON value, at any depth, as (name of the number's field, number)."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _list_numbers(key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_numbers(name, part)
    elif isinstance(value, int | float):
        yield name, value


def build_tokenizer(text: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of a text configuration, in which `hf_tokenizer_name`, if any, is a folder on disk."""
    length, settings = text.get("context_length", DEFAULT_CONTEXT_LENGTH), text.get("tokenizer_kwargs", {})
    name = text.get("hf_tokenizer_name")
    if not name:
        return SimpleTokenizer(context_length=length, **settings)
    # Off explicitly: otherwise transformers asks at the terminal whether to run code that comes with a folder.
    safe = settings | {"tokenizer_mode": text.get("tokenizer_mode"), "trust_remote_code": False}
    prepare_transformers()
    return HFTokenizer(name, context_length=length, **safe)


class GivenTokenizer(HFTokenizer):
    """A tokenizer of transformers that is not read from a folder; it fills texts up to the context length, as SigLIP
    was trained. A CLIP does not see what follows the end of a text."""

    def __init__(self, tokenizer: Any, context_length: int) -> None:
        self.tokenizer, self.context_length, self.clean_fn = tokenizer, context_length, str
        self.tokenizer_mode, self.strip_sep_token = "", False


def build_text_tower(module: nn.Module, tokenizer: Tokenizer) -> TextTower:
    """Return a text tower of a module that takes tokens (1, L) to an embedding (1, D), which is frozen in place."""
    module = module.eval().requires_grad_(False)

    def encode(text: str) -> Tensor:
        device = next(module.parameters()).device
        embedding: Tensor = module(tokenizer([text]).to(device))[0]
        return embedding

    def encode_batch(texts: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(texts))
        # A network of transformers leaves out padding by itself; those of open_clip may have been trained with it.
        if isinstance(module, HFTextEncoder):
            tokens = tokens[:, (tokens != module.config.pad_token_id).any(dim=0)]
        embeddings: Tensor = module(tokens.to(next(module.parameters()).device))
        return embeddings

    def count(text: str) -> int:
        if isinstance(tokenizer, SimpleTokenizer):
            return len(tokenizer.encode(text)) + 2  # With a start and an end token.
        # Not verbose: otherwise transformers would log a warning of its own about long texts.
        return len(tokenizer.tokenizer(tokenizer.clean_fn(text), verbose=False).input_ids)

    @cache
    def reads_all() -> bool:
        """Tell whether the tokenizer knows other scripts than Latin; cached, as searching its vocabulary is slow."""
        return isinstance(tokenizer, HFTokenizer) and knows_other_scripts(tokenizer.tokenizer.get_vocab())

    return TextTower(
        encode,
        count,
        int(tokenizer.context_length or 0),
        module,
        reads=lambda text: is_mostly_latin(text) or reads_all(),
        encode_batch=encode_batch,
    )
