"""The lists of open_clip's models, and architectures guessed from the shapes of a checkpoint."""

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
from das_core.models.sources import open_clip_catalog as catalog
from das_core.models.sources.download import locate_repository
from das_core.models.sources.open_clip_models import build_open_clip_module
from dead_drive import unplug


def test_every_model_and_architecture_is_listed_and_the_first_are_good_ones() -> None:
    published = open_clip.list_pretrained()
    pairs = catalog.list_open_clip_names()
    assert sorted(tuple(pair.split("/")) for pair in pairs) == sorted(published)
    assert all(open_clip.get_pretrained_cfg(*pair)["hf_hub"].count("/") >= 1 for pair in published)


def test_weights_are_asked_for_in_the_safest_format_first() -> None:
    assert catalog.locate_weights("ViT-B-32", "laion2b_s34b_b79k") == (
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    )
    # The file has another name than usual.
    names = ("pytorch_model.safetensors", "pytorch_model.bin")
    assert catalog.locate_weights("ViTamin-S", "datacomp1b") == ("jienengchen/ViTamin-S", names)


@each_case("number", 0, 1)
def test_a_pair_may_have_either_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    repository, names = catalog.locate_weights(*catalog.DEFAULT_NAME.split("/"))
    home = locate_repository(repository, tmp_path)
    home.mkdir()
    (home / "open_clip_config.json").touch()
    assert catalog.list_downloaded_open_clip_names(tmp_path) == []
    (home / names[number]).touch()
    assert catalog.list_downloaded_open_clip_names(tmp_path) == [catalog.DEFAULT_NAME]
    # The drive may be gone.
    unplug(monkeypatch, tmp_path)
    assert catalog.list_downloaded_open_clip_names(tmp_path) == []


@each_case("architecture", "ViT-B-32", "ViT-B-16-SigLIP", "coca_ViT-B-32")
def test_architectures_are_guessed_from_shapes(architecture: str) -> None:
    with torch.device("meta"):
        state = build_open_clip_module(open_clip.get_model_config(architecture)).state_dict()
    quick = f"{architecture}-quickgelu"
    if quick not in open_clip.list_models():
        assert catalog.guess_architecture(state, "a.pt") == architecture
        return
    # No tensor shows the activation function.
    with pytest.raises(ValueError, match=rf"could be of the architectures {architecture}, {quick}, which differ"):
        catalog.guess_architecture(state, "a.pt")
    found = [catalog.guess_architecture(state, "a.pt", known) for known in (False, True)]
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
        assert catalog.guess_architecture(state, "a.pt") == architecture
    assert not caplog.records


def test_without_a_text_tower_the_shortest_twin_is_taken(twins: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert catalog.guess_architecture(image_tower() | {"logit_scale": torch.ones(())}, "a.pt") == "tiny"
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
        catalog.guess_architecture({name: value for name, value in state.items() if value is not None}, "a.pt")
