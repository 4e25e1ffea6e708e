"""Modules of open_clip: recognised by their shapes, and made into CLIPs that answer as the modules do."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

import tinyclip
from cases import each_case
from das_core.models.sources.open_clip_towers import build_open_clip_module, copy_open_clip_module, guess_architecture

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


@each_case("kind", *MODELS)
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
    tinyclip.assert_same(clip, original, views, original.text.context_length if kind == "coca" else 16)


def test_the_precision_stays_and_the_text_tower_holds_no_second_image_tower() -> None:
    model = plain(tinyclip.TINY).bfloat16()
    clip = copy_open_clip_module("mine", model, SHOWN)
    assert clip.text_tower.module is not None
    assert {weight.dtype for weight in clip.text_tower.module.parameters()} == {clip.dtype} == {torch.bfloat16}
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


def test_what_is_no_tokenizer_of_the_model_is_named() -> None:
    other = plain(tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    wrong: Any = "ViT-B-32"
    with pytest.raises(ValueError, match=r"the tokenizer of mine is a str; give what open_clip\.get_tokenizer returns"):
        copy_open_clip_module("mine", plain(tinyclip.TINY), SHOWN, wrong)
    with pytest.raises(ValueError, match=r"the text tower of mine cannot read .*tokenizer belongs to another model"):
        copy_open_clip_module("mine", other, SHOWN, open_clip.SimpleTokenizer(context_length=16))


@each_case("architecture", "ViT-B-32", "ViT-B-16-SigLIP", "coca_ViT-B-32")
def test_architectures_are_guessed_from_shapes(architecture: str) -> None:
    with torch.device("meta"):
        state = build_open_clip_module(open_clip.get_model_config(architecture)).state_dict()
    quick = f"{architecture}-quickgelu"
    if quick not in open_clip.list_models():
        assert guess_architecture(state, "a.pt") == architecture
        return
    # No tensor shows the activation function.
    with pytest.raises(ValueError, match=rf"could be of the architectures {architecture}, {quick}, which differ"):
        guess_architecture(state, "a.pt")
    found = [guess_architecture(state, "a.pt", known) for known in (False, True)]
    assert found == [architecture, quick]


TEXT = tinyclip.TINY["text_cfg"]
CONFIGS: dict[str, dict[str, Any]] = {
    "tiny": TEXT,
    "tiny-longer": TEXT | {"context_length": 20},
    "tiny-words": TEXT | {"vocab_size": 1000},
    "tiny-wider": TEXT | {"width": 128},
    "tiny-coca": TEXT | {"context_length": 23, "embed_cls": True},
    "tiny-hub": {"hf_model_name": "me/words", "hf_tokenizer_name": "me/words"},
}
"""Architectures with the same image tower and different text towers."""


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets open_clip know these architectures and no others."""
    with ExitStack() as stack:
        for name, text in CONFIGS.items():
            stack.enter_context(tinyclip.registered(tmp_path, name, tinyclip.TINY | {"text_cfg": text}))
        monkeypatch.setattr(open_clip, "list_models", lambda: list(CONFIGS))
        yield


def image_tower() -> dict[str, Tensor]:
    """The tensors of the image tower of all of them."""
    with torch.device("meta"):
        state = build_open_clip_module(tinyclip.TINY).state_dict()
    return {name: value for name, value in state.items() if name.startswith("visual.")}


def text_tower(tokens: int, positions: int, width: int) -> dict[str, Tensor]:
    """What of a text tower tells architectures apart."""
    shapes = {"token_embedding.weight": (tokens, width), "positional_embedding": (positions, width)}
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@each_case("prefix", "", "text.")
@each_case(
    ("architecture", "text"),
    ("tiny", text_tower(49408, 16, 64)),
    ("tiny-longer", text_tower(49408, 20, 64)),
    ("tiny-words", text_tower(1000, 16, 64)),
    ("tiny-wider", text_tower(49408, 16, 128)),
    # One position more than its context has tokens.
    ("tiny-coca", text_tower(49408, 24, 64)),
    ("tiny-hub", {"transformer.embeddings.word_embeddings.weight": torch.empty(7, 64)}),
)
def test_text_towers_tell_twins_apart(
    twins: None, architecture: str, text: dict[str, Tensor], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = {**image_tower(), **{prefix + name: value for name, value in text.items()}, "logit_scale": torch.ones(())}
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert guess_architecture(state, "a.pt") == architecture
    assert not caplog.records


def test_without_a_text_tower_the_shortest_twin_is_taken(twins: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert guess_architecture(image_tower() | {"logit_scale": torch.ones(())}, "a.pt") == "tiny"
    (record,) = caplog.records
    assert f"'a.pt' could be of the architectures {', '.join(CONFIGS)}; read as tiny" in record.message


@each_case(
    "change",
    {"visual.conv1.weight": torch.empty(64, 3, 16, 16)},
    {"visual.extra": torch.empty(1)},
    {"positional_embedding": torch.empty(17, 64)},
    {"positional_embedding": None},
    {"token_embedding.weight": torch.empty(49408, 65)},
    # No image tower at all.
    dict.fromkeys(image_tower()),
)
def test_shapes_of_no_architecture_are_named(twins: None, change: dict[str, Tensor | None]) -> None:
    state = image_tower() | text_tower(49408, 16, 64) | change
    with pytest.raises(ValueError, match=r"^'a.pt' has the shapes of no architecture that open_clip knows; name its"):
        guess_architecture({name: value for name, value in state.items() if value is not None}, "a.pt")
