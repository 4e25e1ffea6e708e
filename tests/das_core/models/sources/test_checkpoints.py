"""Checkpoints: the tensors of a model are found whatever its library calls them and whatever stands around them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
import transformers
from huggingface_hub import constants
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

import tinyclip
from cases import each_case
from das_core.models.sources import checkpoints
from das_core.models.sources.checkpoints import (
    LAYOUTS,
    check_normalization,
    choose_tensors,
    find_normalization,
    read_checkpoint,
    read_settings,
)
from das_core.models.sources.download import locate_repository
from das_core.models.sources.files import load
from das_core.models.sources.open_clip_models import find_quick_gelu, load_clip_file
from das_core.models.sources.open_clip_text import prepare_transformers

prepare_transformers()


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Makes open_clip know the architecture `tiny`."""
    with tinyclip.registered(tmp_path_factory.mktemp("configs")):
        yield


@each_case("act", "gelu", "quick_gelu")
def test_a_clip_of_transformers_in_shards(tmp_path: Path, act: str) -> None:

    both = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "hidden_act": act}
    text = both | {"num_attention_heads": 2, "max_position_embeddings": 16, "vocab_size": 49408, "eos_token_id": 49407}
    vision = both | {"num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    model = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    ).eval()
    model.save_pretrained(tmp_path / act, max_shard_size="2MB")
    shards = sorted((tmp_path / act).glob("*.safetensors"))
    assert len(shards) > 1
    clip = load_clip_file(shards[-1], None, tmp_path)
    mean, std = (torch.tensor(values)[:, None, None] for values in (clip.mean, clip.std))
    tokens = open_clip.SimpleTokenizer(context_length=16)(tinyclip.TEXTS)
    with torch.no_grad():
        seen = model.get_image_features(pixel_values=(tinyclip.IMAGES - mean) / std).pooler_output
        read = model.get_text_features(input_ids=tokens).pooler_output
    torch.testing.assert_close(clip.encode_images(tinyclip.IMAGES), F.normalize(seen, dim=1), atol=1e-5, rtol=0)
    torch.testing.assert_close(clip.encode_text(tinyclip.TEXTS), F.normalize(read, dim=1), atol=1e-5, rtol=0)


def test_a_siglip_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    both = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = both | {"max_position_embeddings": 16, "vocab_size": 7, "eos_token_id": 1, "bos_token_id": 0}
    vision = both | {"image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    model = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)).eval()
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
        seen = model.get_image_features(pixel_values=(tinyclip.IMAGES - mean) / std)
        read = model.get_text_features(input_ids=words(["a photo", "a cat fish"]))
    for ours, theirs in (
        (clip.encode_images(tinyclip.IMAGES), seen),
        (clip.encode_text(["a photo", "a cat fish"]), read),
    ):
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
        seen = model.visual((tinyclip.IMAGES - mean) / std)
    torch.testing.assert_close(clip.encode_images(tinyclip.IMAGES), F.normalize(seen, dim=1), atol=1e-5, rtol=0)
    assert (clip.text is not None) == whole


def test_a_further_layout_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = tinyclip.model()
    names = {name: name.replace("visual.", "eye.").replace("resblocks", "part") for name in model.state_dict()}
    torch.save({f"net.{names[name]}": value for name, value in model.state_dict().items()}, tmp_path / "a.pt")
    row = {"title": "eye", "mark": r"eye\.", "names": [[r"^eye\.", "visual."], [r"\.part\.", ".resblocks."]]}
    with pytest.raises(ValueError, match="has the shapes of no architecture"):
        load_clip_file(tmp_path / "a.pt", None, tmp_path)
    monkeypatch.setitem(LAYOUTS, "clip", [row, *LAYOUTS["clip"]])
    tinyclip.assert_same(load_clip_file(tmp_path / "a.pt", None, tmp_path), model)


def test_names_of_any_length_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a." * 500_000, "denselayer1.norm." * 60_000, f"vision_model.encoder.layers.{'1' * 10**6}"):
        state = {name: torch.ones(1), "visual." + name: torch.ones(1)}
        monkeypatch.setattr(checkpoints, "read_weights", lambda _, state=state: state)
        assert read_checkpoint(Path("a.pt"), "classifier") == state
        assert f"visual.{name}" in read_checkpoint(Path("a.pt"), "clip")


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


def read_known(path: Path) -> dict[str, Any]:
    known = read_settings(path, {})
    quick = find_quick_gelu(known, {})
    shown = {key: value for key, value in known.items() if key not in ("model_cfg", "vision_config")}
    return shown if quick is None else shown | {"quick_gelu": quick}


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
    assert read_known(tmp_path / "model.pt") == known
    assert read_known(tmp_path / "mine.pt") == {}
    for damaged in (b"{", b"\xff", b"[" * 100_000, b" " * 2**21):
        (tmp_path / name).write_bytes(damaged)
        assert read_known(tmp_path / "model.pt") == {}
    (tmp_path / name).unlink()


MODEL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5))
OWN = MODEL.state_dict()
SHAPES = {name: value.shape for name, value in OWN.items()}
OTHER = {name: value + 1 for name, value in OWN.items()}


def add(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


@each_case("prefix", "", "module.", "state_dict.net.backbone.", "model.module._orig_mod.", "a.b.c.d.")
def test_a_model_is_found_behind_any_prefix(prefix: str) -> None:
    around = {"loss.weight": torch.ones(3), "optimizer.state.0.exp_avg": torch.ones(2), "head_2.bias": torch.ones(1)}
    for state in (add(prefix, OWN) | around, around | add(prefix, OWN)):
        found = choose_tensors(state, SHAPES, "a.pth")
        assert found.keys() == OWN.keys()
        assert all(found[name] is OWN[name] for name in OWN)


def test_what_a_part_of_the_model_has_besides_is_kept() -> None:
    more = {"m.0.gate": torch.ones(3), "m.4.weight": torch.ones(3)}
    assert choose_tensors(add("m.", OWN) | more, SHAPES, "a.pth").keys() == {*OWN, "0.gate"}


def test_equal_copies_are_one_model_and_averages_come_before_the_last_weights() -> None:
    assert choose_tensors(add("model.", OWN) | add("attacker.model.", OWN), SHAPES, "a.pth").keys() == OWN.keys()
    for state in (add("state_dict.", OWN) | add("state_dict_ema.", OTHER), add("ema.", OTHER) | add("net.", OWN)):
        chosen = choose_tensors(state, SHAPES, "a.pth")
        assert all(chosen[name] is OTHER[name] for name in OWN)
    both = add("student.", OWN) | add("teacher.", OTHER)
    with pytest.raises(ValueError, match=r"'a.pth' holds two models, 'student.…' and 'teacher.…'; give the prefix"):
        choose_tensors(both, SHAPES, "a.pth")
    assert choose_tensors(both, SHAPES, "a.pth", "teacher.")["0.weight"] is OTHER["0.weight"]
    with pytest.raises(ValueError, match=r"no tensor of 'a.pth' is called 'pupil.…'; the first is student.0.weight"):
        choose_tensors(both, SHAPES, "a.pth", "pupil.")


def test_of_another_model_nothing_is_found() -> None:
    assert choose_tensors({"conv.weight": torch.ones(2)}, SHAPES, "a.pth") == {}


@each_case("names", ("module.normalizer.new_mean", "x.new_std"), ("normalize.mean", "normalize.std"), ("mu", "sigma"))
def test_a_module_that_normalises_says_mean_and_std(names: tuple[str, str]) -> None:
    mean, std = torch.tensor([0.5, 0.25, 0.75]).view(3, 1, 1), torch.tensor([0.5, 0.25, 0.125]).view(1, 3, 1, 1)
    state = add("1.", OWN) | dict(zip(names, (mean, std), strict=True))
    assert find_normalization(state) == {"mean": (0.5, 0.25, 0.75), "std": (0.5, 0.25, 0.125)}
    assert find_normalization(state | {names[1]: torch.zeros(3)}) == {}
    assert find_normalization(add("1.", OWN)) == {}


@each_case(
    "std",
    None,
    "abc",
    [0.5, 0.5],
    [0.5, float("nan"), 0.5],
    [0.5, -1, 0.5],
    [0.5, "0.5", 0.5],
    [0.5, 10**400, 0.5],
    {"a": 1},
)
def test_numbers_that_are_none_are_not_taken(std: Any) -> None:
    assert check_normalization({"mean": [0.5, 0.5, 0.5], "std": std}) == {}
