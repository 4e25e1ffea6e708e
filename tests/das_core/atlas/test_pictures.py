"""The pictures of units: how large they are, how active the units are for them, and which units have none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import direct_ascent as da
from cases import each_case
from das_core.atlas.atlas import plan_atlas
from das_core.atlas.maker import PictureMaker
from das_core.atlas.pictures import choose_side, measure_field
from das_core.atlas.units import find_units
from das_core.models.layers.layer import find_layers
from toys import classifier, judge


@each_case("stack", [(3, 1)], [(5, 2), (3, 1)], [(3, 2), (3, 2), (5, 1)], [(7, 4), (1, 1), (17, 2)])
def test_a_position_sees_what_the_formula_says(stack: list[tuple[int, int]]) -> None:
    """For kernels k and strides s: 1 + sum of (k - 1) times the product of all strides before."""
    parts = [nn.Conv2d(4 if number else 3, 4, *each, each[0] // 2) for number, each in enumerate(stack)]
    steps = [int(np.prod([stride for _, stride in stack[:number]])) for number in range(len(stack))]
    side = 1 + sum((kernel - 1) * step for (kernel, _), step in zip(stack, steps, strict=True))
    model = judge(nn.Sequential(*parts), 160)
    layer = find_layers(model)[-1]
    assert measure_field(model, layer) == side
    assert choose_side(model, layer) == (64 if side <= 64 else 96)
    fixed = judge(nn.Sequential(*parts, nn.Flatten(), nn.Linear(int(np.prod(layer.shape)), 2)), 160)
    assert choose_side(fixed, layer) == 160  # It takes nothing smaller.


def make(folder: Path, dead: list[int], *pictures: str, layer: str = "1") -> list[int]:
    """Make the pictures of four units of a toy, some of which are dead, and return how many each has, or -1."""
    toy, folder, numbers = classifier(), folder / f"{len(list(folder.iterdir()))}", (0, 1, 2, 5)
    toy.module.get_parameter("0.weight")[dead] = 0
    (units,) = find_units(toy, layer)
    folder.mkdir()
    row = PictureMaker(toy, {layer: units}, pictures, {layer: 32}, steps=2)((layer, numbers), folder)
    found: list[dict[str, Any]] = json.loads(row["units"])
    files = [picture["file"] for one in found for picture in one["pictures"]]
    assert sorted(files) == sorted(row["pictures"]) == sorted(path.name for path in folder.glob("*.webp"))
    for signature, one in zip(np.load(folder / "activations.npy"), found, strict=True):
        for picture in one["pictures"]:  # By hand, for what was written, which is not quite what was made.
            pixels = torch.from_numpy(np.asarray(Image.open(folder / picture["file"])) / 255).float()
            part = nn.Sequential(*list(toy.module.children())[: 2 if layer == "1" else 7])
            expected = part(toy.preprocess(pixels.movedim(2, 0)[None]))[0, one["unit"]].mean()
            assert picture["activation"] == pytest.approx(float(expected), abs=0.02 if layer == "1" else 1.0)
        assert one["dead"] or one["pictures"][0]["activation"] == signature[one["unit"]]
    return [-1 if one["dead"] else len(one["pictures"]) for one in found]


def test_dead_units_have_no_picture_and_the_others_go_on(tmp_path: Path) -> None:
    assert make(tmp_path, [1], "more", "less", "diverse") == [6, -1, 6, 6]
    assert make(tmp_path, [0, 1, 2, 5], "more", "diverse") == [-1] * 4
    assert make(tmp_path, [1], "diverse") == [4, -1, 4, 4], "pictures of a dead unit move, too, to differ"
    assert make(tmp_path, [], "raw", "less", layer="classes") == [2] * 4
    model = judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(torch.nan), nn.ReLU()), 32)
    with pytest.raises(da.AscentError, match="is not a number at step 1"):  # Its units are not dead.
        PictureMaker(model, {"2": find_units(model, "2")[0]}, ("more",), {"2": 32}, steps=2)(("2", (0, 1)), tmp_path)
    assert "2: 2 units at 32 pixels, 00:00" in plan_atlas(model, "2", 2).describe(), "the other layers can be timed"
