"""Atlases of models of every kind, what a second call adds to a folder, and what is refused before anything is made."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from timm.models import VisionTransformer
from torch import Tensor, nn

import das_core as da
from cases import each_case
from das_core.atlas.pictures import PictureMaker
from das_core.facade import wrap
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.sources.open_clip_text import without_torchaudio
from small_atlas import TOY, make_atlas, read_items
from toys import classifier, draw

with without_torchaudio():
    from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTForImageClassification

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24} | {
    "image_size": 32, "patch_size": 8, "num_labels": 8,
}  # fmt: skip
HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
SAE = {"1": da.Dictionary("sae", draw(20, 16), draw(20))}


class Own(nn.Module):
    """A model of one's own that answers in a tuple or a dictionary; names of layers differ in capitals, or have HTML."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        parts = {"<b>": nn.Conv2d(3, 8, 3, 2), "act": nn.ReLU(True), "conv": nn.Conv2d(8, 9, 3), "ACT": nn.ReLU(True)}
        self.parts, self.head, self.named = nn.ModuleDict(parts), nn.Linear(9, 8), named

    def forward(self, values: Tensor) -> Any:
        for part in self.parts.values():
            values = part(values)
        logits = self.head(values.mean(dim=(2, 3)))
        return {"features": values, "logits": logits} if self.named else (logits, values)


def test_atlases_of_all_kinds_of_units_and_models(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=32, depth=1, num_heads=8, num_classes=9)
    named = wrap(ViTForImageClassification(ViTConfig(**TINY)), **HALF)
    clip = wrap(CLIPModel(CLIPConfig(vision_config=TINY, text_config=TINY, projection_dim=8)), **HALF)
    wanted: list[tuple[Any, Any, str]] = [
        (TOY, ["3", "classes"], "3 classes"), (wrap(vit, size=32, **HALF), None, "blocks.0.attn#heads blocks.0.mlp.act classes"),
        (named, None, "vit.layers.0.mlp.activation_fn classes"), (clip, "*fn", "vision_model.encoder.layers.0.mlp.activation_fn"),
        (wrap(Own(False), size=32, **HALF), None, "parts.act parts.ACT classes"), (wrap(Own(True), size=32, **HALF), "parts.<b>", "parts.<b>"),
    ]  # fmt: skip
    for number, (model, layers, shown) in enumerate(wanted):
        path = tmp_path / str(number)
        items = make_atlas(path, model, layers, 8, photos=torch.rand(3, 3, 32, 32))
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


def test_a_second_call_adds_layers_and_replaces_pictures_without_mixing(tmp_path: Path) -> None:
    latents = make_atlas(tmp_path, layers="1 sae", dictionaries=SAE)
    first = make_atlas(tmp_path)
    assert list(first) == [f"{layer}:{unit}" for layer in ("1", "1 sae") for unit in range(4)]
    assert [first[name]["pictures"] for name in latents] == [item["pictures"] for item in latents.values()]
    rows = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/*/row.json")}
    second = make_atlas(tmp_path, units="2-3", seed=1)
    assert [name for name in first if first[name]["pictures"] != second[name]["pictures"]] == ["1:2", "1:3"]
    raw = make_atlas(tmp_path, pictures=["raw", "less"], photos=torch.rand(3, 3, 32, 32))
    assert [[picture["caption"].split()[0] for picture in raw[f"1:{unit}"]["pictures"]] for unit in range(4)] == [
        ["raw", "less", "photographs"]
    ] * 4
    # What was asked last counts, also if it is the oldest; and it is not made again.
    assert make_atlas(tmp_path) == first
    assert rows.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*/*/row.json")}.items()


@each_case(
    ("settings", "message"),
    [({"layers": "9"}, "layer '9' is not in toy"), ({"units": "0-15, 99"}, "unit 99 is not in 1"), ({"units": True}, "no list"),
     ({"pictures": []}, "no pictures are wanted"), ({"pictures": ["more", "huge"]}, "there are no pictures 'huge'"),
     ({"pictures": [[]]}, "there are no pictures"), ({"seed": -1}, "seed -1 is"), ({"seed": 0.5}, "seed 0.5 is"),
     ({"steps": 0}, "steps 0 is"), ({"steps": True}, "steps True is"), ({"model": 5}, "a int is no model"),
     ({"model": ClassifierEnsemble.from_members([TOY, classifier(seed=1)])}, "is an ensemble"),
     ({"dictionaries": SAE | {"3": SAE["1"]}}, "sae is for 16 channels"), ({"photos": "gone"}, "no folder of photographs"),
     ({"clip": TOY, "photos": torch.rand(2, 3, 9, 9)}, "reads no words"), ({"photos": torch.ones(2, 3, 9, 9)}, "none of 2")],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_first(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_atlas(tmp_path / "atlas", **settings)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(ValueError, match="cannot write to"):
        make_atlas(tmp_path / "file")
    with pytest.raises(ValueError, match="holds files that are no results"):
        make_atlas(tmp_path)
    before = make_atlas(tmp_path / "atlas")
    with pytest.raises(ValueError, match=r"is of another run, .*; this is 'atlas of toy"):
        make_atlas(tmp_path / "atlas", classifier(seed=1))
    assert read_items(tmp_path / "atlas") == before


def test_a_page_shows_what_is_there_when_cells_fail_or_ctrl_c_is_pressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = PictureMaker.__call__
    errors: dict[Any, BaseException] = {("1", 8): ValueError("no such luck <b>"), ("3", 8): KeyboardInterrupt()}

    def call(maker: PictureMaker, task: Any, folder: Path) -> Any:
        if error := errors.get((task[0], task[1][0])):
            raise error
        return whole(maker, task, folder)

    def count_failed(**more: Any) -> tuple[int, int]:
        items = make_atlas(tmp_path, layers=["1", "3"], units=16, **more).values()
        return len(items), sum(item.get("failed", False) for item in items)

    monkeypatch.setattr(PictureMaker, "__call__", call)
    with pytest.raises(KeyboardInterrupt):
        count_failed()
    items = read_items(tmp_path)
    assert list(items) == [*(f"1:{unit}" for unit in range(16)), *(f"3:{unit}" for unit in range(8))]
    failed = [name for name, item in items.items() if item.get("failed")]
    assert failed == [f"1:{unit}" for unit in range(8, 16)]
    assert items["1:9"]["message"].startswith("ValueError: no such luck <b> (test_atlas.py:")
    errors.clear()
    assert count_failed() == (32, 8)
    assert count_failed(retry=True) == (32, 0)
