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
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

import tinyclip
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.models.sources.download import locate_repository
from das_core.models.sources.open_clip_catalog import list_downloaded_open_clip_names
from das_core.models.sources.open_clip_models import copy_open_clip_module, load_clip_file, load_open_clip
from stops import assert_ends_anywhere

TEXTS = ["a photo of a cat", "a coral reef full of fish"]
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


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


def assert_same(loaded: Any, model: Any, images: Tensor = IMAGES, context: int = 16) -> None:
    """The loaded model answers as open_clip's own does, to its own preprocessing."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (loaded.mean, loaded.std))
    tokens = open_clip.SimpleTokenizer(context_length=context)(TEXTS)
    with torch.no_grad():
        expected_image = F.normalize(model.encode_image((images - mean) / std), dim=1)
        expected_text = F.normalize(model.encode_text(tokens), dim=1)
    torch.testing.assert_close(loaded.encode_images(images), expected_image, atol=1e-5, rtol=0)
    torch.testing.assert_close(loaded.encode_text(TEXTS), expected_text, atol=1e-5, rtol=0)


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
    assert_same(loaded, model)


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
    assert list_downloaded_open_clip_names(tmp_path) == ["tiny/mine", "tiny/quick"]
    loaded = load_open_clip("tiny", "mine", tmp_path)
    assert (loaded.name, loaded.mean, loaded.std) == ("tiny mine", half, half)
    assert (loaded.fit, loaded.interpolation) == ("squash", "bilinear")
    assert_same(loaded, model)
    quick = load_open_clip("tiny", "quick", tmp_path)
    assert not torch.allclose(quick.encode_text(TEXTS), loaded.encode_text(TEXTS), atol=1e-4)


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
    assert_same(clip, original, views, original.text.context_length if kind == "coca" else 16)


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
