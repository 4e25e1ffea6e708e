"""Text towers of open_clip: tokenizers, and the networks that embed their tokens."""

import importlib
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import torch
import transformers
from open_clip.hf_configs import arch_dict
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ...common.text import shorten
from ..scripts import is_mostly_latin, knows_other_scripts
from ..text_tower import TextTower
from .download import Progress
from .hub import fetch_file, fetch_files
from .weight_claims import RefusedError

Tokenizer: TypeAlias = HFTokenizer | SimpleTokenizer
"""A tokenizer from the hub, or the tokenizer of OpenAI's CLIP, which open_clip contains."""

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
"""The files that a tokenizer on the hub may have besides tokenizer_config.json; every tokenizer has some of them."""

_TOKENIZER_SETTINGS: dict[type[Tokenizer], set[str]] = {
    HFTokenizer: {"clean", "strip_sep_token", "language"},
    SimpleTokenizer: {"clean", "reduction_mask"},
}
"""For each class of tokenizers, the settings that a configuration may give to its tokenizer: those that the class uses
itself. `HFTokenizer` passes any other setting on to transformers, and some settings make transformers run code."""

_LARGEST_NUMBER, _MOST_LAYERS = 2**20, 128
"""The largest number allowed in the configuration of a text tower, and the largest number of layers allowed. In
published configurations, the largest number is 256,206, and the largest number of layers is 24."""

_MOST_TIMES, _ALWAYS_ALLOWED = 4, 2**24
"""The network of a text tower may have at most four times as many numbers as the weights for it, plus 2**24. The
network has more numbers than the weights if only a part of the network is used. Of a T5, for example, only the encoder
is used, which is half of the network."""


def localize_config(text: Mapping[str, Any], folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Return a text configuration that names folders on disk in place of repositories of the hub.

    Args:
        text: the `text_cfg` of a configuration of open_clip.
        folder: the folder that keeps downloads of the hub, with a folder for each repository; files that are not there
            are downloaded into it.
        progress: is called during a download, see `download`.

    Raises:
        ValueError: when a file cannot be downloaded, or when a configuration names code that transformers would run.
    """
    local = dict(text)
    if name := text.get("hf_tokenizer_name"):
        home = fetch_files(name, "tokenizer_config.json", _VOCABULARIES, folder, progress)
        _refuse_code(home, name)
        local["hf_tokenizer_name"] = str(home)
    if name := text.get("hf_model_name"):
        home = fetch_file(name, ["config.json"], folder, progress).parent
        _refuse_code(home, name)
        local["hf_model_name"] = str(home)
    return local


def check_text_size(text: Mapping[str, Any], held: int) -> None:
    """Raise an error when a configuration on disk describes a network that is far larger than the weights for it.

    The size is counted on PyTorch's meta device, where tensors have shapes but no numbers.

    Args:
        text: the `text_cfg` of a configuration of open_clip; `hf_model_name` is a folder on disk, see
            `localize_config`. Without that key nothing is checked, because the sizes of the network then come from
            open_clip and not from a file on disk.
        held: how many numbers the weights of the text tower have in all.

    Raises:
        RefusedError: when the network or a number in the configuration is too large, or when open_clip has no text
            towers with networks of this type. This error is a ValueError.
        Exception: any exception of json or transformers, when the configuration is damaged.
    """
    if "hf_model_name" not in text:
        return
    path = Path(text["hf_model_name"]) / "config.json"
    advice = f"delete {path} if you did not put it there, or choose another model"
    content = json.loads(path.read_text(encoding="utf-8"))
    kind = content.get("model_type")
    if kind not in arch_dict:
        raise RefusedError(
            f"'{path}' was refused: it describes a network of the type '{shorten(kind)}', and text towers are of "
            f"{', '.join(arch_dict)}; {advice}"
        )
    # Checked before the network is built, because with some numbers even building it on the meta device would not end.
    for name, number in _list_numbers("", content):
        # `not … <=` and not `>`, so that NaN is refused, too.
        if not abs(number) <= (_MOST_LAYERS if name.endswith("layers") else _LARGEST_NUMBER):
            raise RefusedError(
                f"'{path}' was refused: its {shorten(name)} is {shorten(number)}, more than a text tower has; {advice}"
            )
    with without_torchaudio(), torch.device("meta"):
        config = transformers.AutoConfig.from_pretrained(path.parent, trust_remote_code=False)
        network = transformers.AutoModel.from_config(config, trust_remote_code=False)
    needed = sum(tensor.numel() for tensor in itertools.chain(network.parameters(), network.buffers()))
    if needed > _MOST_TIMES * held + _ALWAYS_ALLOWED:
        raise RefusedError(
            f"'{path}' was refused: its network would have {needed / 1e6:.0f} million numbers, and the weights for it "
            f"are {held / 1e6:.1f} million; {advice}"
        )


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


def _refuse_code(home: Path, repository: str) -> None:
    """Raise a ValueError when a configuration of a model makes transformers run code that comes with the model."""
    for name in ("tokenizer_config.json", "config.json"):
        if _names_code(home / name):
            raise ValueError(
                f"{name} of {repository} names a program that comes with it, and no program of a model is run here; "
                f"delete {home} if you did not put it there, or choose another model"
            )


def _names_code(path: Path) -> bool:
    """Return whether a configuration makes transformers run code that is not part of transformers."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # transformers says what is wrong with a file that is damaged
    if not isinstance(content, dict):
        return False
    # An implementation of attention with a slash in its name is a repository of compiled code.
    computations = [content.get(name) for name in ("attn_implementation", "_attn_implementation")]
    return "auto_map" in content or "/" in json.dumps(computations)


def build_tokenizer(text: Mapping[str, Any]) -> Tokenizer:
    """Return the tokenizer of a text configuration.

    Args:
        text: the `text_cfg` of a configuration of open_clip; `hf_tokenizer_name` is a folder on disk, see
            `localize_config`. Without that key, the tokenizer that open_clip contains is returned.

    Raises:
        ValueError: when `tokenizer_kwargs` of the configuration has a setting that this kind of tokenizer does not use
            itself. A tokenizer of the hub would pass it on to transformers, where some settings make code run.
    """
    length = text.get("context_length", DEFAULT_CONTEXT_LENGTH)
    settings = dict(text.get("tokenizer_kwargs", {}))
    name = text.get("hf_tokenizer_name")
    allowed = _TOKENIZER_SETTINGS[HFTokenizer if name else SimpleTokenizer]
    if unknown := settings.keys() - allowed:
        names = ", ".join(sorted(map(str, unknown)))
        raise ValueError(
            f"the configuration of the tokenizer sets '{shorten(names)}', which is not "
            f"passed on; only {', '.join(sorted(allowed))} are. Choose another model"
        )
    if name:
        # Set explicitly: otherwise transformers asks at the terminal whether to run code that comes with a folder.
        settings["trust_remote_code"] = False
        with without_torchaudio():
            return HFTokenizer(name, context_length=length, tokenizer_mode=text.get("tokenizer_mode"), **settings)
    return SimpleTokenizer(context_length=length, **settings)


@contextmanager
def without_torchaudio() -> Iterator[None]:
    """Make transformers usable where the installed torchaudio cannot be imported, such as one built for another torch.

    Transformers imports torchaudio whenever torchaudio is installed; if that import fails, transformers fails too.
    Nothing here needs torchaudio. So until the `with` block ends, an empty module replaces a torchaudio that cannot be
    imported.
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
    """Return a text tower made from a module and its tokenizer.

    The tower reads other scripts than Latin if the vocabulary of the tokenizer was made for them
    (`knows_other_scripts`).

    Args:
        module: takes tokens (1, L) to an embedding (1, D). The module itself is changed: it is set to evaluation mode,
            and its parameters no longer require gradients.
        tokenizer: converts a text to tokens.
    """
    module = module.eval().requires_grad_(False)

    def encode(text: str) -> Tensor:
        device = next(module.parameters()).device
        embedding: Tensor = module(tokenizer([text]).to(device))[0]
        return embedding

    @cache
    def reads_all() -> bool:
        """Tell whether the tokenizer knows other scripts than Latin; cached, as searching its vocabulary is slow."""
        return isinstance(tokenizer, HFTokenizer) and knows_other_scripts(tokenizer.tokenizer.get_vocab())

    return TextTower(
        encode,
        lambda text: _count_tokens(tokenizer, text),
        int(tokenizer.context_length or 0),
        module,
        reads=lambda text: is_mostly_latin(text) or reads_all(),
    )


def _count_tokens(tokenizer: Tokenizer, text: str) -> int:
    """Return how many tokens a text has, start and end tokens included."""
    if isinstance(tokenizer, SimpleTokenizer):
        return len(tokenizer.encode(text)) + 2
    # Not verbose: otherwise transformers would log a warning of its own about long texts.
    return len(tokenizer.tokenizer(tokenizer.clean_fn(text), verbose=False).input_ids)
