"""Models of open_clip as their owners have built them: what they see and read as CLIPs is what they see and read."""

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.tokenizer import HFTokenizer
from torch import nn
from torch.nn import functional as F

import tinyclip
from cases import each_case
from das_core.models.sources.open_clip_copy import copy_open_clip_module

RESNET = tinyclip.TINY | {"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}}
POOLED = {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
COCA = tinyclip.TINY | {
    "vision_cfg": tinyclip.TINY["vision_cfg"] | POOLED,
    "text_cfg": tinyclip.TINY["text_cfg"] | {"embed_cls": True, "output_tokens": True},
    "multimodal_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}
SHOWN = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}


def plain(config: dict[str, Any]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return open_clip.CLIP(**config)


MODELS: dict[str, Any] = {
    "vision transformer": lambda: plain(tinyclip.TINY),
    "resnet": lambda: plain(RESNET),
    "two modules": lambda: tinyclip.model(),
    "coca": lambda: tinyclip.model(COCA),
    "compiled": lambda: torch.compile(plain(tinyclip.TINY)),
}


@each_case("kind", MODELS)
def test_it_sees_and_reads_what_the_model_does(kind: str) -> None:
    model = MODELS[kind]().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    clip = copy_open_clip_module("mine", model, SHOWN)
    side = 64 if kind == "resnet" else 32
    assert (clip.name, clip.size, clip.width, clip.mean, clip.std) == ("mine", side, 24, *SHOWN.values())
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.requires_grad for name, weight in model.named_parameters() if "attn_mask" not in name)

    original = getattr(model, "_orig_mod", model).eval()
    views = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(SHOWN[key])[:, None, None] for key in ("mean", "std"))
    tokens = open_clip.SimpleTokenizer(context_length=original.text.context_length if kind == "coca" else 16)
    with torch.no_grad():
        seen = F.normalize(original.encode_image((views - mean) / std), dim=1)
        read = F.normalize(original.encode_text(tokens(["a castle in fog", "fish"])), dim=1)
    torch.testing.assert_close(F.normalize(clip(views), dim=1), seen, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(clip.encode_text(["a castle in fog", "fish"]), read, atol=1e-5, rtol=1e-4)


def test_the_precision_of_the_weights_stays() -> None:
    clip = copy_open_clip_module("mine", plain(tinyclip.TINY).bfloat16(), SHOWN)
    assert clip.dtype is torch.bfloat16
    assert clip.text_tower.module is not None
    assert {weight.dtype for weight in clip.text_tower.module.parameters()} == {torch.bfloat16}


def test_the_text_tower_holds_no_second_image_tower() -> None:
    model = plain(tinyclip.TINY)
    clip = copy_open_clip_module("mine", model, SHOWN)
    assert clip.text_tower.module is not None
    counts = [sum(p.numel() for p in part.parameters()) for part in (clip.module, clip.text_tower.module, model)]
    assert counts[0] + counts[1] == counts[2]


def test_another_vocabulary_needs_its_tokenizer(tmp_path: Path) -> None:
    tinyclip.write_tokenizer(tmp_path)
    model = plain(tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    assert copy_open_clip_module("mine", model, SHOWN).text is None
    tokenizer = HFTokenizer(str(tmp_path), context_length=16)
    clip = copy_open_clip_module("mine", model, SHOWN, tokenizer)
    with torch.no_grad():
        read = F.normalize(model.eval().encode_text(tokenizer(["a cat"])), dim=1)  # type: ignore[operator]
    torch.testing.assert_close(clip.encode_text(["a cat"]), read, atol=1e-5, rtol=1e-4)


@each_case(
    ("text", "tokenizer", "says"),
    [
        ({}, "ViT-B-32", r"the tokenizer of mine is a str; give what open_clip\.get_tokenizer returns"),
        (
            {"vocab_size": 7},
            open_clip.SimpleTokenizer(context_length=16),
            "the text tower of mine cannot read .*tokenizer belongs to another model",
        ),
    ],
)
def test_what_is_no_tokenizer_of_open_clip_or_that_of_another_model_is_named(
    text: dict[str, Any], tokenizer: Any, says: str
) -> None:
    model = plain(tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | text})
    with pytest.raises(ValueError, match=says):
        copy_open_clip_module("mine", model, SHOWN, tokenizer)
