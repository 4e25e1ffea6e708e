"""Load CLIP Judge: what each of its sources gives, and what it says of sources that it cannot use."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import safetensors.torch
import torch

import tinyclip
from cases import each_case
from loaded_pack import STEADY, Pack, Toy, assert_refused, previews

EMPTY = "put a .safetensors or .pt file into models/open_clip"


def load(pack: Pack, **source: Any) -> Any:
    return pack.run("DAS_LoadCLIP", source=source)[0]


def choice(pack: Pack, source: str, name: str) -> Any:
    """A combo that a source brings."""
    inputs = pack.node("DAS_LoadCLIP").GET_SCHEMA().inputs
    (combo,) = (item for item in inputs if item.id == "source")
    (chosen,) = (option for option in combo.options if option.key == source)
    return next(item for item in chosen.inputs if item.id == name)


def options(pack: Pack, source: str, name: str) -> list[str]:
    """Its options."""
    listed: list[str] = choice(pack, source, name).options
    return listed


def test_the_starter_is_kept_in_the_folder_of_clips(pack: Pack, clip: Any) -> None:
    assert [path.name for path in pack.clips.iterdir()] == ["starter_clip_tf_efficientnet_lite0.safetensors"]
    assert (clip.size, clip.width) == (224, 1280)
    # It is no checkpoint of its own.
    assert options(pack, "file", "checkpoint") == [EMPTY]


def test_the_second_opinion_comes_in_the_precision_asked_for(pack: Pack) -> None:
    (clip,) = pack.run("DAS_LoadCLIP", source={"source": "second_opinion"}, precision="bf16")
    assert (clip.name, clip.size, clip.dtype) == ("Starter CLIP (EfficientNet-Lite2)", 260, torch.bfloat16)
    assert next(clip.text_tower.module.parameters()).dtype == torch.float32
    assert clip.owner.model is clip.module
    for module in (clip.module, clip.text_tower.module):
        assert not any(parameter.is_inference() or parameter.requires_grad for parameter in module.parameters())


def test_starters_are_two_that_read_and_see_as_one(pack: Pack) -> None:
    both = load(pack, source="starters")
    assert both.name == "Starter CLIP (EfficientNet-Lite0) + Starter CLIP (EfficientNet-Lite1)"
    for member in both.members:
        assert member.owner.model is member.module
        assert member.text_tower.owner.model is member.text_tower.module
    image = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    cosines = [pack.run("DAS_Similarity", clip=clip, image=image, text="a reef")[2] for clip in (both, *both.members)]
    assert cosines[0] == pytest.approx((cosines[1] + cosines[2]) / 2, abs=1e-5)
    (words,) = pack.run("DAS_TextObjective", clip=both, text="a reef")
    (seen,) = pack.run("DAS_ImageObjective", clip=both, image=image)
    assert [term.judge.name for term in words.terms] == [term.judge.name for term in seen.terms]
    history = pack.optimize(objectives={"objective0": words}, augmentation=pack.still(views=2), steps=10, **STEADY)[3]
    assert history[-1].scores["a reef"] > history[0].scores["a reef"]


def test_the_first_load_of_a_starter_says_how_much_is_done(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit(starter: Any, folder: Path, progress: Callable[[int, int], object]) -> Any:
        assert (starter.title, folder) == ("EfficientNet-Lite2", pack.clips)
        progress(64, 128)
        return pack.clip(Toy())

    monkeypatch.setattr(pack.module("nodes.models.clip"), "load_starter_clip", fit)
    with previews() as updates:
        load(pack, source="second_opinion")
    assert updates == [(64, 128, None)]
    assert "starter CLIP on EfficientNet-Lite2:  50%" in capsys.readouterr().err


def test_open_clip_gets_the_folder_and_a_progress_bar(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(architecture: str, pretrained: str, folder: Path, progress: Callable[[int, int], object]) -> Any:
        assert (architecture, pretrained, folder) == ("ViT-B-32", "openai", pack.clips)
        progress(30, 40)
        return pack.clip(Toy())

    monkeypatch.setattr(pack.module("nodes.models.clip").open_clip_models, "load_open_clip", fetch)
    with previews() as updates:
        clip = load(pack, source="open_clip", architecture="ViT-B-32", pretrained="openai")
    assert updates == [(30, 40, None)]
    assert clip.text_tower.owner.model is clip.text_tower.module


def test_a_pair_is_loaded_as_its_two_halves(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetch(architecture: str, pretrained: str, *_: object) -> Any:
        asked.append((architecture, pretrained))
        return pack.clip(Toy())

    monkeypatch.setattr(pack.module("nodes.models.clip").open_clip_models, "load_open_clip", fetch)
    pairs = options(pack, "open_clip_pair", "model")
    for pair in (pairs[0], "ViT-B-32/openai"):
        load(pack, source="open_clip_pair", model=pair)
    load(pack, source="open_clip", architecture="ViT-B-32", pretrained="openai")
    assert asked == [("ViT-B-32", "laion2b_s34b_b79k"), ("ViT-B-32", "openai"), ("ViT-B-32", "openai")]
    published = {f"{name}/{tag}" for name, tag in open_clip.list_pretrained()}
    assert (set(pairs), len(pairs)) == (published, len(published))


def test_what_is_chosen_at_first_fits_together(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def first() -> tuple[str, Any, Any]:
        pair = choice(pack, "open_clip_pair", "model")
        halves = [choice(pack, "open_clip", name).default for name in ("architecture", "pretrained")]
        return pair.default or pair.options[0], *halves

    assert first() == ("ViT-B-32/laion2b_s34b_b79k", "ViT-B-32", "laion2b_s34b_b79k")
    # What is on the disk needs no download.
    catalog = pack.module("nodes.models.clip").open_clip_catalog
    monkeypatch.setattr(catalog, "list_downloaded_open_clip_pairs", lambda folder: ["RN50/openai", "RN50/cc12m"])
    assert first() == ("RN50/openai", "RN50", "openai")
    assert options(pack, "open_clip_pair", "model")[:3] == ["RN50/openai", "RN50/cc12m", "ViT-B-32/laion2b_s34b_b79k"]


def test_architectures_whose_weights_are_there_stand_first(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = options(pack, "open_clip", "architecture")
    assert before == sorted(before, key=str.casefold)
    present = ["ViT-L-14", "convnext_base"]
    pairs = ["ViT-L-14/openai", "ViT-L-14/commonpool_xl_s13b_b90k", "convnext_base/laion400m_s13b_b51k"]
    catalog = pack.module("nodes.models.clip").open_clip_catalog
    monkeypatch.setattr(catalog, "list_downloaded_open_clip_pairs", lambda folder: pairs * (folder == pack.clips))
    after = options(pack, "open_clip", "architecture")
    assert after == ["convnext_base", "ViT-L-14", *(name for name in before if name not in present)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[None]:
    """Makes open_clip know a tiny architecture."""
    with tinyclip.registered(tmp_path):
        yield


@each_case("architecture", ["auto", "tiny"])
def test_a_checkpoint_of_ones_own_is_loaded(pack: Pack, tiny: None, architecture: str) -> None:
    path = pack.clips / "mine.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tinyclip.model().state_dict(), path)
    try:
        assert options(pack, "file", "checkpoint") == ["mine.safetensors"]
        source = {"source": "file", "checkpoint": "mine.safetensors", "architecture": architecture}
        clip = load(pack, **source)
        fingerprint = pack.node("DAS_LoadCLIP").fingerprint_inputs(source=source)
    finally:
        path.unlink()
    assert fingerprint > 0
    assert (clip.name, clip.size) == ("mine", 32)
    (objective,) = pack.run("DAS_TextObjective", clip=clip, text="a cat")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


BAD: dict[str, Callable[[Pack], object]] = {
    r"source 'hub' is unknown; choose starters, starter, .* or file": lambda pack: load(pack, source="hub"),
    r"ViT-B-32 has no weights 'webli'; choose one of openai": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="webli"
    ),
    r"open_clip_model.safetensors of .* could not be downloaded .* put the file into .*open_clip": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="openai"
    ),
    r"open_clip publishes no model 'ViT-B-32/webli'; choose one of its list, such as ViT-B-32/laion2b": lambda pack: (
        load(pack, source="open_clip_pair", model="ViT-B-32/webli")
    ),
    r"open_clip publishes no model ''; choose one": lambda pack: load(pack, source="open_clip_pair", model=""),
    r"no weights for the architecture 'hf-hub:me/model'": lambda pack: load(
        pack, source="open_clip", architecture="hf-hub:me/model", pretrained="openai"
    ),
    r"precision 'int8' is unknown; choose auto, fp32, bf16 or fp16": lambda pack: pack.run(
        "DAS_LoadCLIP", source={"source": "starter"}, precision="int8"
    ),
    r"no checkpoint is chosen; put a .safetensors or .pt file into .*models/open_clip, refresh": lambda pack: load(
        pack, source="file", checkpoint=EMPTY, architecture="auto"
    ),
    r"no checkpoint 'starter_clip_tf_.*' lies in .*open_clip": lambda pack: load(
        pack, source="file", checkpoint="starter_clip_tf_efficientnet_lite0.safetensors", architecture="auto"
    ),
    r"no checkpoint 'gone.pt' lies in .*open_clip; put it there": lambda pack: load(
        pack, source="file", checkpoint="gone.pt", architecture="auto"
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(
    pack: Pack, clip: Any, monkeypatch: pytest.MonkeyPatch, message: str, bad: Callable[[Pack], object]
) -> None:
    monkeypatch.setattr(pack.module("das_core.models.sources.hub").constants, "HF_HUB_OFFLINE", True)
    assert_refused(pack, message, bad)


@each_case("architecture", ["hf-hub:me/model", "local-dir:/tmp", "", 3, ["tiny"]])
def test_a_linked_architecture_that_is_no_name_of_the_list_does_not_reach_open_clip(
    pack: Pack, tiny: None, monkeypatch: pytest.MonkeyPatch, architecture: Any
) -> None:
    path = pack.clips / "mine.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tinyclip.model().state_dict(), path)
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: pytest.fail(f"open_clip was asked for {name}"))
    try:
        with pytest.raises(ValueError, match="open_clip has no architecture"):
            load(pack, source="file", checkpoint="mine.safetensors", architecture=architecture)
    finally:
        path.unlink()
