"""Load CLIP Judge: what each of its sources gives, and what it says of sources that it cannot use."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import tinyclip
from loaded_pack import STEADY, Pack, Toy, assert_refused, previews


def load(pack: Pack, **source: str) -> Any:
    return pack.run("DAS_LoadCLIP", source=source)[0]


def options(pack: Pack, source: str, name: str) -> list[str]:
    """The options of an input that a source brings."""
    inputs = pack.node("DAS_LoadCLIP").GET_SCHEMA().inputs
    (combo,) = (item for item in inputs if item.id == "source")
    (chosen,) = (option for option in combo.options if option.key == source)
    listed: list[str] = next(item.options for item in chosen.inputs if item.id == name)
    return listed


def test_the_starter_is_kept_in_the_folder_of_clips(pack: Pack, clip: Any) -> None:
    assert [path.name for path in pack.clips.iterdir()] == ["starter_clip_tf_efficientnet_lite0.safetensors"]
    assert (clip.size, clip.width) == (224, 1280)
    # It is no checkpoint of its own.
    assert options(pack, "file", "checkpoint") == []


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
    assert [part.judge.name for part in words.parts] == [part.judge.name for part in seen.parts]
    history = pack.optimize(objectives={"objective0": words}, augmentation=pack.still(views=2), steps=10, **STEADY)[3]
    assert history[-1].scores["a reef"] > history[0].scores["a reef"]


def test_open_clip_gets_the_folder_and_a_progress_bar(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(architecture: str, pretrained: str, folder: Path, progress: Callable[[int, int], object]) -> Any:
        assert (architecture, pretrained, folder) == ("ViT-B-32", "openai", pack.clips)
        progress(30, 40)
        return pack.clip(Toy())

    monkeypatch.setattr(pack.module("nodes.models.clip").core, "load_open_clip", fetch)
    with previews() as updates:
        clip = load(pack, source="open_clip", architecture="ViT-B-32", pretrained="openai")
    assert updates == [(30, 40, None)]
    assert clip.text_tower.owner.model is clip.text_tower.module


def test_architectures_whose_weights_are_there_stand_first(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = options(pack, "open_clip", "architecture")
    assert before == sorted(before, key=str.casefold)
    present = ["ViT-L-14", "convnext_base"]
    core = pack.module("nodes.models.clip").core
    monkeypatch.setattr(core, "list_downloaded_open_clip", lambda folder: present * (folder == pack.clips))
    after = options(pack, "open_clip", "architecture")
    assert after == ["convnext_base", "ViT-L-14", *(name for name in before if name not in present)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[None]:
    """Makes open_clip know a tiny architecture."""
    with tinyclip.registered(tmp_path):
        yield


@pytest.mark.parametrize("architecture", ["auto", "tiny"])
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
    r"source 'hub' is unknown; choose starter, .* or starters": lambda pack: load(pack, source="hub"),
    r"ViT-B-32 has no weights 'webli'; choose one of openai": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="webli"
    ),
    r"open_clip_model.safetensors of .* could not be downloaded .* put the file into .*open_clip": lambda pack: load(
        pack, source="open_clip", architecture="ViT-B-32", pretrained="openai"
    ),
    r"no checkpoint 'gone.pt' lies in .*open_clip; put it there": lambda pack: load(
        pack, source="file", checkpoint="gone.pt", architecture="auto"
    ),
}


@pytest.mark.parametrize(("message", "bad"), list(BAD.items()), ids=list(BAD))
def test_a_bad_value_is_named_with_what_would_do(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, message: str, bad: Callable[[Pack], object]
) -> None:
    monkeypatch.setattr(pack.module("das_core.models.sources.hub").constants, "HF_HUB_OFFLINE", True)
    assert_refused(pack, message, bad)
