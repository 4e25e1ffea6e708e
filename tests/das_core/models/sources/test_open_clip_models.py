"""Models of open_clip from checkpoints, from a hub in a folder and from their owners, with random weights."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch
from huggingface_hub import constants
from open_clip.pretrained import _PRETRAINED
from torch import nn

import tinyclip
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.models.sources import open_clip_models as models
from das_core.models.sources.download import locate_repository
from das_core.models.sources.open_clip_models import load_clip_file, load_open_clip
from dead_drive import unplug
from stops import assert_ends_anywhere


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes open_clip know the architecture `tiny`."""
    with tinyclip.registered(tmp_path_factory.mktemp("configs")):
        yield


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may ask the hub."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def native(custom: bool = False) -> nn.Module:
    """A model as open_clip itself makes it."""
    torch.manual_seed(0)
    return open_clip.create_model("tiny", force_custom_text=custom, pretrained_text=False).eval()


def test_every_model_and_architecture_is_listed_and_the_first_are_good_ones() -> None:
    published = open_clip.list_pretrained()
    pairs = models.list_open_clip_names()
    assert sorted(tuple(pair.split("/")) for pair in pairs) == sorted(published)
    assert all(open_clip.get_pretrained_cfg(*pair)["hf_hub"].count("/") >= 1 for pair in published)


def test_weights_are_asked_for_in_the_safest_format_first() -> None:
    assert models.locate_weights("ViT-B-32", "laion2b_s34b_b79k") == (
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    )
    # The file has another name than usual.
    names = ("pytorch_model.safetensors", "pytorch_model.bin")
    assert models.locate_weights("ViTamin-S", "datacomp1b") == ("jienengchen/ViTamin-S", names)


@each_case("number", 0, 1)
def test_a_pair_may_have_either_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    repository, names = models.locate_weights(*models.DEFAULT_NAME.split("/"))
    home = locate_repository(repository, tmp_path)
    home.mkdir()
    (home / "open_clip_config.json").touch()
    assert models.list_downloaded_open_clip_names(tmp_path) == []
    (home / names[number]).touch()
    assert models.list_downloaded_open_clip_names(tmp_path) == [models.DEFAULT_NAME]
    # The drive may be gone.
    unplug(monkeypatch, tmp_path)
    assert models.list_downloaded_open_clip_names(tmp_path) == []


@each_case(
    ("suffix", "custom", "architecture"),
    (".pt", False, None),
    (".pt", True, "tiny"),
    (".safetensors", False, "tiny"),
    (".safetensors", True, None),
)
def test_open_clips_checkpoints_load_back(tmp_path: Path, suffix: str, custom: bool, architecture: str | None) -> None:
    model = native(custom)
    path = tmp_path / f"my model{suffix}"
    if suffix == ".pt":
        torch.save({"epoch": 3, "name": "mine", "state_dict": model.state_dict()}, path)
    else:
        safetensors.torch.save_file(model.state_dict(), path)
    loaded = load_clip_file(path, architecture, tmp_path)
    assert (loaded.name, loaded.size, loaded.width) == ("my model", 32, 24)
    assert (loaded.mean, loaded.std) == (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    tinyclip.assert_same(loaded, model)


def test_a_checkpoint_in_half_precision_is_read_in_full(tmp_path: Path) -> None:
    model = native().half()
    torch.save(model.state_dict(), tmp_path / "half.pt")
    assert load_clip_file(tmp_path / "half.pt", "tiny", tmp_path).dtype == torch.float32
    # Cancelled while it is built, it is not said to be a model that cannot be built.
    assert_ends_anywhere(lambda: load_clip_file(tmp_path / "half.pt", "tiny", tmp_path), places=6)


def test_what_cannot_be_built_is_named(tmp_path: Path) -> None:
    torch.save(native().state_dict(), tmp_path / "a.pt")
    config = tinyclip.TINY | {"vision_cfg": {"timm_model_name": "no_such_model", "image_size": 32}}
    with (
        tinyclip.registered(tmp_path, "broken", config),
        pytest.raises(ValueError, match=r"a cannot be built here \(.*no_such_model.*update open_clip_torch"),
    ):
        load_clip_file(tmp_path / "a.pt", "broken", tmp_path)


@each_case("architecture", "hf-hub:me/model", "local-dir:/tmp", "../ViT-B-32", "x" * 1_000_000, "", 3, ["ViT-B-32"])
def test_only_listed_names_reach_open_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: Any) -> None:
    torch.save(native().state_dict(), tmp_path / "a.pt")
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: pytest.fail(f"open_clip was asked for {name}"))
    with pytest.raises(ValueError, match=r"open_clip has no architecture '.*'; write one of its list") as refused:
        load_clip_file(tmp_path / "a.pt", architecture, tmp_path)
    assert len(str(refused.value)) < 300
    with pytest.raises(
        ValueError, match=r"open_clip has no weights 'openai' of '.*'; choose another architecture of its list"
    ):
        load_open_clip(architecture, "openai", tmp_path)
    with pytest.raises(ValueError, match=r"open_clip has no weights '.*' of 'ViT-B-32'; choose one of openai"):
        load_open_clip("ViT-B-32", architecture, tmp_path)


def test_published_weights_are_read_as_trained(offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = native()
    home = locate_repository("me/tiny", tmp_path)
    home.mkdir()
    safetensors.torch.save_file(model.state_dict(), home / "open_clip_model.safetensors")
    half = (0.5, 0.5, 0.5)
    mine = {"mean": half, "std": half, "resize_mode": "squash", "interpolation": "bilinear"}
    tags = {name: {"hf_hub": "me/tiny/"} | more for name, more in (("mine", mine), ("quick", {"quick_gelu": True}))}
    monkeypatch.setitem(_PRETRAINED, "tiny", tags)
    assert models.list_downloaded_open_clip_names(tmp_path) == ["tiny/mine", "tiny/quick"]
    loaded = load_open_clip("tiny", "mine", tmp_path)
    assert (loaded.name, loaded.mean, loaded.std) == ("tiny mine", half, half)
    assert (loaded.fit, loaded.interpolation) == ("squash", "bilinear")
    tinyclip.assert_same(loaded, model)
    quick = load_open_clip("tiny", "quick", tmp_path)
    assert not torch.allclose(quick.encode_text(tinyclip.TEXTS), loaded.encode_text(tinyclip.TEXTS), atol=1e-4)


@each_case(
    ("more", "says"),
    # Its program, which ends the process, is not run.
    ({"auto_map": {"AutoConfig": "program.Config", "AutoModel": "program.Model"}}, ""),
    ({"vocab_size": 2**20}, r"'.*config.json' was refused: its network would have 34 million numbers"),
    ({"num_attention_heads": 0}, r"a cannot be built here \(ZeroDivisionError.*update open_clip_torch"),
)
def test_a_network_of_a_folder_is_checked_first(offline: None, tmp_path: Path, more: dict[str, Any], says: str) -> None:
    words, home = (locate_repository(name, tmp_path) for name in ("me/words", "me/text"))
    tinyclip.write_tokenizer(words)
    home.mkdir()
    (home / "program.py").write_text("raise SystemExit('the program ran')")
    network = {"model_type": "roberta", "vocab_size": 7, "hidden_size": 32, "num_hidden_layers": 1, "pad_token_id": 0}
    network |= {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 40}
    (home / "config.json").write_text(json.dumps(network))
    text = {"hf_pooler_type": "mean_pooler", "hf_proj_type": "linear", "context_length": 16}
    local = tinyclip.TINY | {"text_cfg": text | {"hf_model_name": str(home), "hf_tokenizer_name": str(words)}}
    torch.save(tinyclip.model(local).state_dict(), tmp_path / "a.pt")
    (home / "config.json").write_text(json.dumps(network | more))
    config = tinyclip.TINY | {"text_cfg": text | {"hf_model_name": "me/text", "hf_tokenizer_name": "me/words"}}
    with tinyclip.registered(tmp_path, "foreign", config):
        if not says:
            assert load_clip_file(tmp_path / "a.pt", "foreign", tmp_path).encode_text(["a cat"]).shape == (1, 24)
            return
        with PeakBytes() as made, pytest.raises(ValueError, match=says):
            load_clip_file(tmp_path / "a.pt", "foreign", tmp_path)
        assert made.peak < 2**24
