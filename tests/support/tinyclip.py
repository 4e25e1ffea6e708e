"""Small models of open_clip with random weights, and a tokenizer of a few words, for quick tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip import factory
from tokenizers import Tokenizer as Words
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from das_core.models.clip import CLIP
from das_core.models.sources.open_clip_text import build_tokenizer
from das_core.models.sources.open_clip_towers import build_open_clip_module, wrap_open_clip_module

TINY: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
"""The configuration of open_clip of a very small model."""

TEXTS = ["a photo of a cat", "a coral reef full of fish"]
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def model(config: dict[str, Any] | None = None, seed: int = 0) -> nn.Module:
    """Return a model of open_clip in evaluation mode with random weights, which depend on the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_open_clip_module(config or TINY).eval()


def clip(seed: int = 0, config: dict[str, Any] | None = None, name: str = "tiny") -> CLIP:
    config = config or TINY
    return wrap_open_clip_module(name, model(config, seed), build_tokenizer(config["text_cfg"]), {})


def assert_same(loaded: Any, model: Any, images: Tensor = IMAGES, context: int = 16) -> None:
    """The loaded model answers as open_clip's own does, to its own preprocessing."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (loaded.mean, loaded.std))
    tokens = open_clip.SimpleTokenizer(context_length=context)(TEXTS)
    with torch.no_grad():
        expected_image = F.normalize(model.encode_image((images - mean) / std), dim=1)
        expected_text = F.normalize(model.encode_text(tokens), dim=1)
    torch.testing.assert_close(loaded.encode_images(images), expected_image, atol=1e-5, rtol=0)
    torch.testing.assert_close(loaded.encode_text(TEXTS), expected_text, atol=1e-5, rtol=0)


@contextmanager
def registered(folder: Path, name: str = "tiny", config: dict[str, Any] | None = None) -> Iterator[str]:
    """Let open_clip know an architecture of this configuration under a name while the block runs."""
    before, paths = dict(factory._MODEL_CONFIGS), list(factory._MODEL_CONFIG_PATHS)
    (folder / f"{name}.json").write_text(json.dumps(config or TINY))
    factory.add_model_config(folder / f"{name}.json")
    try:
        yield name
    finally:
        factory._MODEL_CONFIG_PATHS[:] = paths
        factory._MODEL_CONFIGS = before


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of four words into a folder, as files in the format of the Hugging Face hub."""
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "photo": 4, "cat": 5, "fish": 6}
    tokenizer = Words(WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=64
    )
    fast.save_pretrained(folder)
