"""CLIPs in the layouts of transformers, of image towers alone, and behind prefixes answer as their own libraries do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
from huggingface_hub import constants
from open_clip.tokenizer import HFTokenizer
from torch.nn import functional as F

import tinyclip
from cases import each_case
from das_core.models.sources.clip_layouts import read_clip_config
from das_core.models.sources.download import locate_repository
from das_core.models.sources.files import load
from das_core.models.sources.open_clip_models import load_clip_file
from das_core.models.sources.open_clip_text import without_torchaudio

TEXTS = ["a photo of a cat", "a coral reef full of fish"]
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Makes open_clip know the architecture `tiny`."""
    with tinyclip.registered(tmp_path_factory.mktemp("configs")):
        yield


@each_case("act", "gelu", "quick_gelu")
def test_a_clip_of_transformers_in_shards(tmp_path: Path, act: str) -> None:
    with without_torchaudio():
        from transformers import CLIPConfig, CLIPModel
    both = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "hidden_act": act}
    text = both | {"num_attention_heads": 2, "max_position_embeddings": 16, "vocab_size": 49408, "eos_token_id": 49407}
    vision = both | {"num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).eval()
    model.save_pretrained(tmp_path / act, max_shard_size="2MB")
    shards = sorted((tmp_path / act).glob("*.safetensors"))
    assert len(shards) > 1
    clip = load_clip_file(shards[-1], None, tmp_path)
    mean, std = (torch.tensor(values)[:, None, None] for values in (clip.mean, clip.std))
    tokens = open_clip.SimpleTokenizer(context_length=16)(TEXTS)
    with torch.no_grad():
        seen = model.get_image_features(pixel_values=(IMAGES - mean) / std).pooler_output
        read = model.get_text_features(input_ids=tokens).pooler_output
    torch.testing.assert_close(clip.encode_images(IMAGES), F.normalize(seen, dim=1), atol=1e-5, rtol=0)
    torch.testing.assert_close(clip.encode_text(TEXTS), F.normalize(read, dim=1), atol=1e-5, rtol=0)


def test_a_siglip_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_torchaudio():
        from transformers import SiglipConfig, SiglipModel
    both = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = both | {"max_position_embeddings": 16, "vocab_size": 7, "eos_token_id": 1, "bos_token_id": 0}
    vision = both | {"image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).eval()
    model.save_pretrained(tmp_path)
    # As in published files: what is as by default is left out, here the activation function.
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": {"patch_size": 8}}))
    trunk = {"img_size": 32, "patch_size": 8, "embed_dim": 64, "depth": 2, "num_heads": 2, "act_layer": "gelu_tanh"}
    make = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **more: make(name, **trunk | more))
    siglip = open_clip.get_model_config("ViT-B-16-SigLIP2")
    small = {"context_length": 16, "vocab_size": 7, "hf_tokenizer_name": "me/words", "width": 64, "heads": 2}
    siglip |= {"embed_dim": 64, "vision_cfg": siglip["vision_cfg"] | {"image_size": 32}}
    tinyclip.write_tokenizer(locate_repository("me/words", tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with tinyclip.registered(tmp_path, "siglip", siglip | {"text_cfg": siglip["text_cfg"] | small | {"layers": 2}}):
        clip: Any = load(tmp_path / "model.safetensors")
    mean, std = (torch.tensor(values)[:, None, None] for values in (clip.mean, clip.std))
    words = HFTokenizer(str(locate_repository("me/words", tmp_path)), context_length=16)
    with torch.no_grad():
        seen = model.get_image_features(pixel_values=(IMAGES - mean) / std)
        read = model.get_text_features(input_ids=words(["a photo", "a cat fish"]))
    for ours, theirs in ((clip.encode_images(IMAGES), seen), (clip.encode_text(["a photo", "a cat fish"]), read)):
        # Version 4 of transformers returns tensors.
        theirs = F.normalize(getattr(theirs, "pooler_output", theirs), dim=1)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@each_case("prefix", "", "module.", "model.vision.")
@each_case("whole", False, True)
def test_towers_behind_prefixes(tmp_path: Path, prefix: str, whole: bool) -> None:
    model: Any = tinyclip.model()
    part: Any = model if whole else model.visual
    torch.save({"state": {prefix + name: value for name, value in part.state_dict().items()}}, tmp_path / "a.pt")
    clip = load_clip_file(tmp_path / "a.pt", None, tmp_path)
    mean, std = (torch.tensor(values)[:, None, None] for values in (clip.mean, clip.std))
    with torch.no_grad():
        seen = model.visual((IMAGES - mean) / std)
    torch.testing.assert_close(clip.encode_images(IMAGES), F.normalize(seen, dim=1), atol=1e-5, rtol=0)
    assert (clip.text is not None) == whole


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "model-00002-of-00002.bin")
    with pytest.raises(ValueError, match=r"no checkpoint file 'model-00001-of-00002.bin'"):
        load_clip_file(tmp_path / "model-00002-of-00002.bin", None, tmp_path)


def test_what_is_no_whole_clip_is_named(tmp_path: Path) -> None:
    layer = "vision_model.encoder.layers.0.self_attn"
    half = {"vision_model.embeddings.class_embedding": torch.ones(4), f"{layer}.q_proj.weight": torch.ones(4, 4)}
    other = {f"{layer}.{part}_proj.weight": torch.ones(4, number + 1) for number, part in enumerate("qkv")}
    for state in (half, half | other):
        torch.save(state, tmp_path / "a.pt")
        with pytest.raises(ValueError, match=r"'a.pt' is no whole CLIP of transformers"):
            load_clip_file(tmp_path / "a.pt", None, tmp_path)
    states = {name: tinyclip.model(seed=seed).state_dict() for seed, name in enumerate(("student", "teacher"))}
    torch.save(states, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"'a.pt' holds two models, 'student.…' and 'teacher.…'"):
        load_clip_file(tmp_path / "a.pt", "tiny", tmp_path)


def test_an_architecture_that_contradicts_the_configuration_is_refused(tmp_path: Path) -> None:
    torch.save(tinyclip.model().state_dict(), tmp_path / "model.pt")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"quick_gelu": True}}))
    with pytest.raises(ValueError, match=r"says that it was trained with quickgelu, unlike tiny"):
        load_clip_file(tmp_path / "model.pt", "tiny", tmp_path)


HALF = [0.5, 0.5, 0.5]


@each_case(
    ("name", "content", "known"),

        ("open_clip_config.json", {"model_cfg": {"quick_gelu": True}}, {"quick_gelu": True}),
        ("open_clip_config.json", {"model_cfg": {"embed_dim": 4}}, {"quick_gelu": False}),
        ("open_clip_config.json", {"preprocess_cfg": {"mean": HALF, "std": HALF, "resize_mode": "squash", "x": 1}},
         {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize_mode": "squash"}),
        ("preprocessor_config.json", {"image_mean": HALF, "image_std": HALF},
         {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}),
        ("config.json", {"vision_config": {"hidden_act": "gelu"}}, {"quick_gelu": False}),
        ("config.json", {"vision_config": 3}, {}),
        ("config.json", [1], {}),
)  # fmt: skip
def test_configurations_beside_a_file(tmp_path: Path, name: str, content: Any, known: dict[str, Any]) -> None:
    (tmp_path / name).write_text(json.dumps(content))
    assert read_clip_config(tmp_path / "model.pt", {}) == known
    assert read_clip_config(tmp_path / "mine.pt", {}) == {}
    for damaged in (b"{", b"\xff", b"[" * 100_000, b" " * 2**21):
        (tmp_path / name).write_bytes(damaged)
        assert read_clip_config(tmp_path / "model.pt", {}) == {}
    (tmp_path / name).unlink()
