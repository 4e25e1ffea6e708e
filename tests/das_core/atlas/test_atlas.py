"""Atlases of models of every kind, what a second call adds to a folder, and what is refused before anything is made."""

import os
import signal
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import transformers
from timm.models import VisionTransformer
from torch import Tensor, nn

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.atlas.maker import PictureMaker
from das_core.facade import wrap
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.sources.open_clip_text import prepare_transformers
from das_core.runs.cells import Workers
from small_atlas import TOY, list_rows, make_atlas, read_items
from toys import classifier, draw, judge

prepare_transformers()

TINY: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
TINY |= {"image_size": 32, "patch_size": 8, "num_labels": 8}
HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
SAE, PHOTOS = {"1": da.Dictionary("sae", draw(20, 16), draw(20))}, torch.rand(3, 3, 32, 32)


class Own(nn.Sequential):
    """It answers in a tuple or a dictionary; the names of its layers differ in capitals only, or have HTML."""

    named = False

    def forward(self, views: Tensor) -> Any:
        logits = super().forward(views)
        return {"features": views, "logits": logits} if self.named else (logits, views)


def test_atlases_of_all_kinds_of_units_and_models(tmp_path: Path) -> None:
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=1, num_heads=8, num_classes=9)
    parts = {"<b>": nn.Conv2d(3, 8, 3, 2), "act": nn.ReLU(True), "conv": nn.Conv2d(8, 9, 3), "ACT": nn.ReLU(True)}
    own, named = (Own(OrderedDict(parts, mean=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())) for _ in range(2))
    named.named = True
    of_transformers = transformers.ViTForImageClassification(transformers.ViTConfig(**TINY))
    wanted: list[tuple[Any, Any, str]] = [
        (TOY, ["3", "classes"], "3 classes"), (wrap(named, size=32, **HALF), "<b>", "<b>"),
        (wrap(own, size=32, labels=[f"\ud800{number}" for number in range(9)], **HALF), None, "act ACT classes"),
        (wrap(vit, size=32, **HALF), None, "blocks.0.attn#heads blocks.0.mlp.act classes"),
        (wrap(of_transformers, **HALF), None, "vit.layers.0.mlp.activation_fn classes"),
    ]  # fmt: skip
    for number, (model, layers, shown) in enumerate(wanted):
        items = make_atlas(path := tmp_path / str(number), model, layers, 8, photos=PHOTOS)
        assert list(items) == [f"{layer}:{unit}" for layer in shown.split() for unit in range(8)]
        table = pq.ParquetFile(path / "manifest.parquet").read().to_pylist()
        for item, row in zip(items.values(), table, strict=True):
            files = [picture["file"] for picture in item["pictures"]]
            assert "message" in item or len(files) == 2, "one made, and one of photographs"
            assert all((path / file).is_file() for file in files)
            assert [row["id"], row["pictures"], row["title"]] == [item["id"], files, item["title"]]
            assert [row["activation"], row["above photographs, %"], row["dead"]] == item["values"]
        assert len({row["pictures"][-1] for row in table}) == len(table), "no file of two units"
        assert "<b>" not in (path / "index.html").read_text() + (path / "manifest.js").read_text()
    dead = classifier()
    dead.module.get_parameter("0.weight")[1] = 0
    item = make_atlas(tmp_path / "dead", dead, photos=PHOTOS)["1:1"]
    known = {"id": "1:1", "title": "1", "group": 0, "values": [None, None, True]}
    assert item == known | {"message": "dead: no change of the picture activates it"}


def test_a_second_call_adds_layers_and_replaces_pictures_without_mixing(tmp_path: Path) -> None:
    latents = make_atlas(tmp_path, layers="1 sae", dictionaries=SAE)
    first, rows = make_atlas(tmp_path), list_rows(tmp_path)
    assert list(first) == [f"{layer}:{unit}" for layer in ("1", "1 sae") for unit in range(4)]
    assert [first[name]["pictures"] for name in latents] == [item["pictures"] for item in latents.values()]
    second = make_atlas(tmp_path, units="2-3", seed=1)
    assert [name for name in first if first[name]["pictures"] != second[name]["pictures"]] == ["1:2", "1:3"]
    raw = make_atlas(tmp_path, pictures=["raw", "less"], photos=PHOTOS)["1:0"]["pictures"]
    assert [picture["caption"].split()[0] for picture in raw] == ["raw", "less", "photographs"]
    assert make_atlas(tmp_path) == first, "what was asked last counts, also if it is the oldest"
    assert rows.items() <= list_rows(tmp_path).items(), "and it is not made again"
    for path, model, message in (
        (tmp_path, classifier(seed=1), "is of another run"), (tmp_path / "cells", TOY, "files that are no results"),
        (tmp_path / "index.html", TOY, "cannot write to"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            make_atlas(path, model)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"units": True}, "no list"), ({"pictures": []}, "pictures '' is"), ({"pictures": ["x"]}, "pictures 'x' is"),
    ({"pictures": [[]]}, "is unknown; choose one of more"), ({"seed": -1}, "seed -1"), ({"seed": 0.5}, "seed 0.5"),
    ({"steps": 0}, "steps 0 is"), ({"steps": True}, "steps True is"), ({"photos": "gone"}, "there is no folder"),
    ({"model": ClassifierEnsemble.from_members([TOY, classifier(seed=1)])}, "is an ensemble"),
    ({"dictionaries": SAE | {"3": SAE["1"]}}, "sae is for 16 channels"), ({"clip": TOY}, "reads no words"),
    ({"clip": tinyclip.clip()}, "are none; give a folder of them as photos"),
    ({"clip": replace(tinyclip.clip(), text=None), "photos": PHOTOS}, "has no text tower"),
]  # fmt: skip


@each_case(("settings", "message"), *REFUSED)
def test_what_cannot_be_made_is_refused_first(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_atlas(tmp_path / "atlas", **settings)
    assert not list(tmp_path.iterdir())


def test_the_page_shows_what_is_there_if_cells_fail_or_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: dict[Any, BaseException] = {("1", 8): ValueError("no such luck"), ("3", 8): KeyboardInterrupt()}
    whole, given = PictureMaker.__call__, {"layers": ["1", "3"], "units": 16}

    def call(maker: PictureMaker, task: Any, folder: Path) -> Any:
        if error := errors.get((task[0], task[1][0])):
            raise error
        return whole(maker, task, folder)

    monkeypatch.setattr(PictureMaker, "__call__", call)
    with pytest.raises(KeyboardInterrupt):
        make_atlas(tmp_path, **given)
    items = read_items(tmp_path)
    assert list(items) == [*(f"1:{unit}" for unit in range(16)), *(f"3:{unit}" for unit in range(8))]
    assert [name for name, item in items.items() if item.get("failed")] == [f"1:{unit}" for unit in range(8, 16)]
    assert items["1:9"]["message"].startswith("ValueError: no such luck (test_atlas.py:")
    errors.clear()
    for more, failed in (({}, 8), ({"retry": True}, 0)):
        found = make_atlas(tmp_path, **given, **more).values()
        assert (len(found), sum(item.get("failed", False) for item in found)) == (32, failed)


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    driver, killed = os.getpid(), tmp_path / "killed"

    class Deadly(nn.Sequential):
        """It kills the first worker that runs it. Workers cannot import it, so it is sent to them."""

        def forward(self, views: Tensor) -> Tensor:
            if os.getpid() != driver and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().forward(views)

    model = judge(Deadly(nn.Conv2d(3, 16, 3), nn.ReLU()), 32)
    items = make_atlas(tmp_path / "atlas", model, units=16, workers=Workers(number=2)).values()
    assert killed.exists()
    assert [item["id"] for item in items if not item.get("failed")] == [f"1:{unit}" for unit in range(16)]
