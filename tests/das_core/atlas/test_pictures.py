"""The pictures of units: how large they are, how active the units are for them, and which units have none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import das_core as da
from cases import each_case
from das_core.atlas.pictures import ACTIVATIONS, PictureMaker, choose_side, measure_receptive_field
from das_core.atlas.units import find_units
from das_core.models.layers.layer import find_layers
from toys import classifier, judge


@each_case("stack", [[(3, 1)], [(5, 2), (3, 1)], [(3, 2), (3, 2), (5, 1)], [(7, 4), (1, 1), (3, 2)]])
def test_a_position_sees_what_the_formula_says(stack: list[tuple[int, int]]) -> None:
    """For kernels k and strides s: 1 + sum of (k - 1) times the product of all strides before."""
    parts = [nn.Conv2d(4 if number else 3, 4, *each) for number, each in enumerate(stack)]
    steps = [int(np.prod([stride for _, stride in stack[:number]])) for number in range(len(stack))]
    side = 1 + sum((kernel - 1) * step for (kernel, _), step in zip(stack, steps, strict=True))
    model = judge(nn.Sequential(*parts, nn.BatchNorm2d(4)).eval(), 96)
    assert measure_receptive_field(model, find_layers(model)[-1]) == (side, side)


class Fixed(nn.Sequential):
    def forward(self, views: Tensor) -> Tensor:
        assert views.shape[-1] == 128
        return super().forward(views)


def test_a_picture_is_as_large_as_what_a_position_sees_if_the_model_takes_it() -> None:
    parts = [nn.Conv2d(3, 4, 33, 2, 16), nn.ReLU(), nn.Conv2d(4, 4, 21, 2, 10), nn.AdaptiveAvgPool2d(1), nn.Tanh()]
    model, fixed = judge(nn.Sequential(*parts), 160), judge(Fixed(*parts), 128)
    sides = {layer.name: choose_side(model, layer) for layer in find_layers(model)}
    assert sides == {"0": 64, "1": 64, "2": 96, "3": 160, "4": 160}  # 64 at least; 33 + 20 * 2 pixels for 2.
    assert {choose_side(fixed, layer) for layer in find_layers(fixed)} == {128}
    assert choose_side(model, None) == 160


def make(folder: Path, dead: list[int], *pictures: str, layer: str = "1") -> dict[int, dict[str, Any]]:
    """Make the pictures of four units of a toy, some of which are dead, and return what is said of each."""
    toy, folder = classifier(), folder / "-".join(["made", *pictures])
    toy.module.get_parameter("0.weight")[dead] = 0
    (units,) = find_units(toy, layer)
    folder.mkdir()
    row = PictureMaker(toy, {layer: units}, pictures, {layer: 32}, steps=2)((layer, (0, 1, 2, 5)), folder)
    found = {one["unit"]: one for one in json.loads(row["units"])}
    files = [picture["file"] for one in found.values() for picture in one["pictures"]]
    assert sorted(files) == sorted(row["pictures"]) == sorted(path.name for path in folder.glob("*.webp"))
    # How active the unit is, by hand, for what was written, which is not quite what was made.
    for number, one in found.items():
        for picture in one["pictures"]:
            pixels = np.asarray(Image.open(folder / picture["file"])).astype(np.float32) / 255
            seen = toy.preprocess(torch.from_numpy(pixels).movedim(2, 0)[None])
            active = toy.module[:2](seen)[0, number].mean() if layer == "1" else toy.module(seen)[0, number]
            assert picture["activation"] == pytest.approx(float(active), abs=0.02 if layer == "1" else 1.0)
    return found


def count(found: dict[int, dict[str, Any]]) -> list[int]:
    return [-1 if one["dead"] else len(one["pictures"]) for one in found.values()]


def test_dead_units_have_no_picture_and_the_others_go_on(tmp_path: Path) -> None:
    assert count(make(tmp_path, [1], "more", "less", "diverse")) == [6, -1, 6, 6]
    assert count(make(tmp_path, [0, 1, 2, 5], "more", "diverse")) == [-1] * 4
    assert count(make(tmp_path, [1], "diverse")) == [4, -1, 4, 4], "pictures of a dead unit move, too, to differ"
    assert np.load(tmp_path / "made-diverse" / ACTIVATIONS).shape == (4, 16)
    assert count(make(tmp_path, [], "raw", "less", layer="classes")) == [2] * 4
    found = make(tmp_path, [], "more", "less")
    activations = np.load(tmp_path / "made-more-less" / ACTIVATIONS)
    for place, (number, one) in enumerate(found.items()):
        more, less = (picture["activation"] for picture in one["pictures"])
        assert more == activations[place, number] > less


def test_a_model_that_fails_has_no_dead_units(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return values * torch.nan

    model = judge(nn.Sequential(nn.Conv2d(3, 4, 3), Broken(), nn.ReLU()), 32)
    (units,) = find_units(model, "2")
    with pytest.raises(da.AscentError, match="is not a number at step 1"):
        PictureMaker(model, {"2": units}, ("more",), {"2": 32}, steps=2)(("2", (0, 1)), tmp_path)
