"""Load CLIP Judge, what each of its sources gives and refuses; and CLIP from ComfyUI.

tests/comfyui has ComfyUI's own encoders.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

import tinyclip
from comfyui_encoders import make_text, make_vision
from loaded_pack import STEADY, Pack, Toy, previews, refuse_all

EMPTY = "put a .safetensors or .pt file into models/open_clip"


def load(pack: Pack, **source: Any) -> Any:
    return pack.run("DAS_LoadCLIP", source=source)[0]


def choice(pack: Pack, source: str, name: str) -> Any:
    """A combo that a source brings."""
    (combo,) = (item for item in pack.node("DAS_LoadCLIP").GET_SCHEMA().inputs if item.id == "source")
    (chosen,) = (option for option in combo.options if option.key == source)
    return next(item for item in chosen.inputs if item.id == name)


def test_what_is_chosen_at_first_is_on_the_disk(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    names = choice(pack, "open_clip", "model").options
    assert names[0] == "ViT-B-32/laion2b_s34b_b79k"
    # What is on the disk needs no download.
    catalog = pack.module("nodes.models.clip").open_clip_models
    present = ["RN50/openai", "RN50/cc12m"]
    monkeypatch.setattr(catalog, "list_downloaded_open_clip_names", lambda folder: present * (folder == pack.clips))
    assert choice(pack, "open_clip", "model").options == [*present, *(name for name in names if name not in present)]


def test_starters_are_two_that_read_and_see_as_one(pack: Pack) -> None:
    both = load(pack, source="starters")
    assert both.name == "Starter CLIP (EfficientNet-Lite0), taught + Starter CLIP (EfficientNet-Lite1), taught"
    for member in both.members:
        assert member.owner.model is member.module
    objectives = {"objective0": pack.run("DAS_TextObjective", clip=both, text="a reef")[0]}
    history = pack.optimize(objectives=objectives, augmentation=pack.still(views=2), steps=6, **STEADY)[3]
    assert history[-1].scores["a reef"] > history[0].scores["a reef"]


def test_a_published_model_is_loaded_with_a_progress_bar(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetch(architecture: str, pretrained: str, folder: Path, progress: Callable[[int, int], object]) -> Any:
        assert folder == pack.clips
        asked.append((architecture, pretrained))
        progress(30, 40)
        return pack.clip(Toy())

    monkeypatch.setattr(pack.module("nodes.models.clip").open_clip_models, "load_open_clip", fetch)
    pairs = choice(pack, "open_clip", "model").options
    with previews() as updates:
        for pair in (pairs[0], "ViT-B-32/openai"):
            clip = load(pack, source="open_clip", model=pair)
    assert updates == [(30, 40, None)] * 2
    assert clip.text_tower.owner.model is clip.text_tower.module
    assert asked == [("ViT-B-32", "laion2b_s34b_b79k"), ("ViT-B-32", "openai")]


test_what_cannot_be_is_refused = refuse_all(
    {
        r"source 'hub' is unknown; choose starters, starter, .* or file": lambda pack: load(pack, source="hub"),
        r"open_clip has no weights '' of ''; choose another": lambda pack: load(pack, source="open_clip", model=""),
        r"no checkpoint is chosen; put a .safetensors or .pt file into .*models/open_clip, refresh": lambda pack: load(
            pack, source="file", checkpoint=EMPTY, architecture="auto"
        ),
    }
)


@pytest.fixture
def mine(pack: Pack, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The source that is a checkpoint of the user, of a tiny architecture."""
    path = pack.clips / "mine.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tinyclip.registered(tmp_path):
        safetensors.torch.save_file(tinyclip.model().state_dict(), path)
        yield {"source": "file", "checkpoint": "mine.safetensors", "architecture": "auto"}
    path.unlink()


def test_a_checkpoint_of_ones_own_climbs(pack: Pack, clip: Any, mine: dict[str, str]) -> None:
    assert choice(pack, "file", "checkpoint").options == ["mine.safetensors"]
    assert pack.node("DAS_LoadCLIP").fingerprint_inputs(source=mine)[0] > 0
    made = load(pack, **mine)
    assert (made.name, made.size) == ("mine", 32)
    assert load(pack, **(mine | {"architecture": "tiny"})).size == 32
    assert_words_climb(pack, made)


def assert_words_climb(pack: Pack, clip: Any) -> None:
    objectives = {"objective0": pack.run("DAS_TextObjective", clip=clip, text="a cat")[0]}
    history = pack.optimize(objectives=objectives, augmentation=pack.still(), steps=3, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


def test_both_halves_of_comfyui_are_one_clip_under_which_words_climb(pack: Pack) -> None:
    other = make_vision()
    (clip,) = pack.run("DAS_CLIPFromComfyUI", clip=make_text(), clip_vision=other)
    assert clip.module.model is other.model
    assert_words_climb(pack, clip)
