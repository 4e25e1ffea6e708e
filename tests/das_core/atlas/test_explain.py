"""What a photograph excites: the units that come first, what is kept of the photograph, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import direct_ascent as da
from cases import each_case
from das_core.atlas.explain import Explainer
from das_core.runs.cells import RunsError
from small_atlas import list_rows, read_items
from toys import draw

PHOTO = torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(1))
OTHERS = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 0.1


def make_model() -> Any:
    """A classifier of two layers, of whose first channels 2 is more active where it is bright, and 3 is dead."""
    convolution, head = nn.Conv2d(3, 6, 5, stride=2), nn.Linear(6, 4)
    weight = draw(6, 3, 5, 5) / 9
    weight[2], weight[3] = 0.3, 0
    convolution.weight.data, convolution.bias = weight, nn.Parameter(torch.full((6,), -0.1))
    head.weight.data, head.bias.data = draw(4, 6), torch.zeros(4)
    module = nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    return da.wrap(module.eval(), size=32, mean=(0, 0, 0), std=(1, 1, 1), labels=["fish", "bird", "cat", "<i>"])


def explain(path: Path, **settings: Any) -> dict[str, Any]:
    quick: dict[str, Any] = {"photo": PHOTO, "photos": OTHERS, "layers": "0", "top": 2, "steps": 2, "progress": False}
    da.explain(make_model(), path=path, **quick | settings)
    return read_items(path)


def test_a_layer_that_is_called_classes_stands_beside_the_classes(tmp_path: Path) -> None:
    model = make_model()
    model.module._modules = {{"0": "classes"}.get(name, name): part for name, part in model.module._modules.items()}
    quick: dict[str, Any] = {"layers": "classes", "top": 1, "steps": 1, "progress": False}
    da.explain(model, PHOTO, path=tmp_path / "page", photos=OTHERS, **quick)
    ids = list(read_items(tmp_path / "page"))
    assert [name.rpartition(":")[0] for name in ids] == ["", *["classes (output)"] * 4, *["classes"] * 3]


def test_it_shows_the_units_that_a_photograph_excites_more_than_others_do(tmp_path: Path) -> None:
    items = explain(tmp_path / "page")
    assert next(iter(items)) == "photograph"
    first = [name for name in items if name.startswith("0:") and name[2:].isdigit()]
    assert first[0] == "0:2"
    assert "0:3" not in first
    activation, usual, above = items["0:2"]["values"]
    module = make_model().module
    with torch.no_grad():
        shown = PHOTO[:, :, 4:36]
        expected = [float(module[:2](images)[:, 2].mean()) for images in (shown, OTHERS)]
    assert (activation, usual) == pytest.approx(expected, rel=0.02)
    assert above > 1
    files = [picture["file"] for item in items.values() for picture in item["pictures"]]
    assert all((tmp_path / "page" / file).is_file() for file in files)
    assert {"0:remade", "0:exaggerated"} <= items.keys()
    table = pq.ParquetFile(tmp_path / "page/manifest.parquet").read().to_pylist()
    assert [row["id"] for row in table] == list(items)
    assert [row["unit"] for row in table[:2]] == [None, int(list(items)[1].partition(":")[2])]
    assert [[row["activation"], row["usual"], row["above usual"]] for row in table[1:]] == [
        item.get("values") for item in list(items.values())[1:]
    ]


def test_cells_whose_pictures_are_damaged_are_shown_without_them(tmp_path: Path) -> None:
    before = explain(tmp_path / "page")
    made = list(tmp_path.glob("page/cells/*/*/*_more_0.webp"))
    assert len(made) > 2
    for spoil in (lambda path: path.write_bytes(b"RIFF"), Path.unlink):
        for path in made:
            spoil(path)
        assert explain(tmp_path / "page").keys() == before.keys()


def test_what_is_there_is_not_made_again_and_copies_take_the_place_of_others(tmp_path: Path) -> None:
    explain(tmp_path / "page", photos=None)
    before = list_rows(tmp_path / "page")
    items = explain(tmp_path / "page", photos=None, top=3)
    assert before.items() <= list_rows(tmp_path / "page").items()
    assert "random phases" in json.loads((tmp_path / "page/manifest.json").read_text())["note"]
    assert len([name for name in items if name.startswith("0:") and name[2:].isdigit()]) == 3
    with pytest.raises(RunsError, match="page"):
        explain(tmp_path / "page", photo=1 - PHOTO)


def test_the_page_shows_what_is_there_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = Explainer.__call__, list[Any]()

    def call(explainer: Explainer, task: Any, folder: Path) -> Any:
        calls.append(task)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(explainer, task, folder)

    monkeypatch.setattr(Explainer, "__call__", call)
    with pytest.raises(KeyboardInterrupt):
        explain(tmp_path / "page")
    shown = read_items(tmp_path / "page")
    assert list(shown)[-2:] == ["0:remade", "0:exaggerated"]
    assert shown.items() <= explain(tmp_path / "page").items()


@each_case(
    ("settings", "said"),
    ({"photo": PHOTO.expand(2, -1, -1, -1)}, "2 photographs, and a page explains one"),
    ({"photos": OTHERS[:2]}, "2 of 2 photographs show something; give 4"),
    ({"top": 0}, "top 0 is not a whole number from 1 up"),
    ({"layers": "nothing"}, "nothing"),
    ({"steps": 0}, "steps 0"),
)
def test_what_it_refuses(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        explain(tmp_path / "page", **settings)
    assert not (tmp_path / "page").exists()
