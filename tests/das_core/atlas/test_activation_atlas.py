"""An activation atlas: its cells, sheets and classes, what a second call adds, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import direct_ascent as da
from cases import each_case
from das_core.atlas.tiles import lay_out, make_layout, measure_effects
from das_core.models.layers.layer import find_layer, find_layers
from das_core.runs.cells import RunsError
from small_atlas import list_rows, read_items
from toys import draw

# Half of the photographs are red, half are blue.
PHOTOS = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 0.2
PHOTOS[:10, 0] += 0.7
PHOTOS[10:, 2] += 0.7


def make_model(labels: bool = True) -> Any:
    """A network whose channel 0 is active for red, and channel 1 for blue; each raises the class of that number."""
    convolution, head = nn.Conv2d(3, 4, 5, stride=4), nn.Linear(4, 3)
    module = nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    convolution.weight.data.copy_(draw(4, 3, 5, 5) / 50)
    convolution.weight.data[0, 0], convolution.weight.data[1, 2] = 0.2, 0.2
    head.weight.data.copy_(torch.tensor([[2.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 0]]))
    convolution.bias, head.bias.data = nn.Parameter(torch.zeros(4)), torch.zeros(3)
    known: dict[str, Any] = {"size": 32, "mean": (0, 0, 0), "std": (1, 1, 1)}
    return (
        da.wrap(module.eval(), **known, labels=["red", "blue", "<b>"]) if labels else da.Judge("net", module, **known)
    )


def make(path: Path, model: Any = None, **settings: Any) -> dict[str, Any]:
    quick: dict[str, Any] = {"layer": "1", "photos": PHOTOS, "grid": 3, "fewest": 2, "size": 32}
    quick |= {"layout": lambda rows: rows[:, :2], "steps": 2, "progress": False}
    da.activation_atlas(model or make_model(), path=path, **quick | settings)
    return read_items(path)


def test_alike_activations_share_a_cell_with_a_picture_their_photographs_and_classes(tmp_path: Path) -> None:
    items = make(tmp_path / "map")
    assert list(items)[:2] == ["sheet", "photographs"]
    cells = {name: item for name, item in items.items() if "," in name}
    titles = {item["title"] for item in cells.values()}
    assert {"red", "blue"} <= titles
    assert sum(item["values"][2] for item in cells.values()) <= len(PHOTOS) * 4
    for name, item in cells.items():
        assert name == f"{item['values'][0]},{item['values'][1]}"
        shown = [Image.open(tmp_path / "map" / picture["file"]).convert("RGB") for picture in item["pictures"]]
        assert len(shown) == 2, "one made, one of photographs"
        red, _, blue = np.asarray(shown[1]).reshape(-1, 3).mean(axis=0)
        assert (item["title"] == "red") <= (red > blue)
        assert (item["title"] == "blue") <= (blue > red)
    sheet = Image.open(tmp_path / "map/sheet.webp")
    assert sheet.size == (3 * 32 + 2 * 2,) * 2
    before = list_rows(tmp_path / "map")
    make(tmp_path / "map")
    assert list_rows(tmp_path / "map") == before
    for number, made in enumerate(sorted((tmp_path / "map/cells").rglob("*.webp"))):
        Image.new("RGB", (99, 1)).save(made) if number else made.unlink()
    assert make(tmp_path / "map").keys() == items.keys()
    with pytest.raises(RunsError):
        make(tmp_path / "map", grid=2)


def test_a_judge_without_classes_and_the_layout_of_its_own(tmp_path: Path) -> None:
    items = make(tmp_path / "map", make_model(labels=False), layout=None)
    assert all(
        item["title"] == f"{item['values'][0]}, {item['values'][1]}" for name, item in items.items() if "," in name
    )


def test_the_layout_keeps_groups_apart_and_must_return_points() -> None:
    rows = torch.cat([draw(8, 6) * 0.01 + torch.eye(6)[group] for group in (0, 3)])
    points = lay_out(rows, make_layout(len(rows), 0))
    assert float(points.min()) >= 0
    assert float(points.max()) <= 1
    halves = points[:8], points[8:]
    between = float((halves[0].mean(dim=0) - halves[1].mean(dim=0)).norm())
    assert between > 2 * max(float(half.std(dim=0).norm()) for half in halves)
    with pytest.raises(ValueError, match=r"points \(16, 2\)"):
        lay_out(rows, lambda given: given)


def test_effects_are_those_of_the_weights_of_the_last_layer() -> None:
    judge = make_model()
    layer = find_layer(find_layers(judge), "1", judge.name)
    center, means = torch.zeros(4), torch.eye(4)
    head = judge.module[4]
    expected = head(means).log_softmax(dim=1) - head(center[None]).log_softmax(dim=1)
    torch.testing.assert_close(measure_effects(judge, layer, means, center), expected.detach())


@each_case(
    ("settings", "said"),
    ({"photos": PHOTOS[:9]}, "9 of 9 photographs show something; give 16"),
    ({"layer": "4"}, "no positions"),
    ({"layer": "none"}, "none"),
    ({"grid": 1}, "grid 1"),
    ({"places": 2.5}, "places 2.5"),
    ({"fewest": 999}, "no tile of 3 x 3"),
    ({"layout": lambda rows: rows * np.nan}, "layout"),
)
def test_what_it_refuses(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(tmp_path / "map", **settings)
    assert not (tmp_path / "map").exists()
