"""Architectures guessed from the shapes of a checkpoint."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor

import tinyclip
from cases import each_case
from das_core.models.sources.open_clip_architecture import guess_architecture
from das_core.models.sources.open_clip_models import build_open_clip_module


@each_case("architecture", ["ViT-B-32", "RN50", "ViT-B-16-SigLIP", "convnext_base", "coca_ViT-B-32"])
def test_architectures_are_guessed_from_shapes(architecture: str, caplog: pytest.LogCaptureFixture) -> None:
    with torch.device("meta"):
        state = build_open_clip_module(open_clip.get_model_config(architecture)).state_dict()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert guess_architecture(state, "a.pt") == architecture
    doubtful = f"{architecture}-quickgelu" in open_clip.list_models()
    assert bool(caplog.records) == doubtful
    assert not doubtful or f"could be of the architectures {architecture}, {architecture}-quickgelu" in caplog.text


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


@each_case("prefix", ["", "text."])
@each_case(
    ("architecture", "text"),
    [
        ("tiny", text_tower(49408, 16, 64)),
        ("tiny-longer", text_tower(49408, 20, 64)),
        ("tiny-words", text_tower(1000, 16, 64)),
        ("tiny-wider", text_tower(49408, 16, 128)),
        # One position more than its context has tokens.
        ("tiny-coca", text_tower(49408, 24, 64)),
        ("tiny-hub", {"transformer.embeddings.word_embeddings.weight": torch.empty(7, 64)}),
    ],
)
def test_text_towers_tell_twins_apart(
    twins: None, architecture: str, text: dict[str, Tensor], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = {**image_tower(), **{prefix + name: value for name, value in text.items()}, "logit_scale": torch.ones(())}
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert guess_architecture(state, "a.pt") == architecture
    assert not caplog.records


def test_without_a_text_tower_twins_are_all_named_and_the_shortest_is_taken(
    twins: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert guess_architecture(image_tower() | {"logit_scale": torch.ones(())}, "a.pt") == "tiny"
    (record,) = caplog.records
    assert f"'a.pt' could be of the architectures {', '.join(CONFIGS)}; it is read as tiny." in record.message


@each_case(
    "change",
    [
        {"visual.conv1.weight": torch.empty(64, 3, 16, 16)},
        {"visual.extra": torch.empty(1)},
        {"visual.conv1.weight": None},
        {"positional_embedding": torch.empty(17, 64)},
        {"positional_embedding": None},
        {"token_embedding.weight": torch.empty(49408, 65)},
        {"token_embedding.weight": torch.empty(49407, 64)},
        # No image tower at all.
        dict.fromkeys(image_tower()),
    ],
)
def test_shapes_of_no_architecture_are_named(twins: None, change: dict[str, Tensor | None]) -> None:
    state = image_tower() | text_tower(49408, 16, 64) | change
    with pytest.raises(ValueError, match=r"^'a.pt' has the shapes of no architecture that open_clip knows; name its"):
        guess_architecture({name: value for name, value in state.items() if value is not None}, "a.pt")
