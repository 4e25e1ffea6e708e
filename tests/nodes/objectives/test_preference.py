"""Preference Objective: heads from files and from the gallery, what climbs, and the CLIP that they belong to."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from loaded_pack import Pack, Toy


def ask(pack: Pack, clip: Any, **source: Any) -> Any:
    return pack.run("DAS_PreferenceObjective", clip=clip, source=source)[0]


def test_a_head_in_a_file_is_climbed(pack: Pack) -> None:
    folder = pack.home / "models" / "preferences"
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(nn.Linear(4, 1).state_dict(), folder / "liked.pth")
    clip = pack.clip(Toy())
    objective = ask(pack, clip, source="file", checkpoint="liked.pth")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3)[3]
    assert history[-1].scores["liked"] > history[0].scores["liked"]
    images = torch.rand(3, 16, 16, 3)
    ranked, text, *_ = pack.run("DAS_ObjectiveScore", image=images, objectives={"objective0": objective})
    assert ranked.shape == images.shape
    assert text.count("liked") == 3
    with pytest.raises(ValueError, match="source 'web' is unknown; choose recommended or file"):
        ask(pack, clip, source="web")


def test_the_gallery_says_which_clip_a_head_belongs_to(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    bridge, gallery = pack.module("nodes.bridge"), pack.module("das_core.models.sources.gallery")
    monkeypatch.setattr(bridge, "warn_on_node", lambda text, node: said.append(text))

    def fetch(entry: Any, folder: Path, progress: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"weight": torch.ones(1, 4), "bias": torch.ones(1)}, folder / entry.file)
        made: Path = folder / entry.file
        return made

    monkeypatch.setattr(gallery, "fetch", fetch)
    title = next(iter(gallery.list_gallery("preferences")))
    assert ask(pack, pack.clip(Toy()), source="recommended", judge=title).name == "sa_0_4_vit_l_14_linear"
    assert said == [
        "sa_0_4_vit_l_14_linear was trained on ViT-L-14 openai; if toy is another model, its ratings mean nothing"
    ]
