"""What nodes show: texts on the running node, warnings, and their results. tests/comfyui has the real page."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, Toy
from running_node import Running


@pytest.fixture
def page(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.page")


def test_a_text_goes_to_the_running_node_in_the_page_that_queued_it(page: ModuleType, running: Running) -> None:
    assert page.find_running_node() == ("5", "first")
    page.show_text("step 1/3")
    running.node_id, running.server.client_id = "12:5", None
    page.show_text("step 2/3")
    assert running.server.sent == [("5", "step 1/3", "page"), ("12:5", "step 2/3", None)]


def test_a_prompt_cannot_bring_html_into_the_page(page: ModuleType, running: Running) -> None:
    page.show_text("<img src=x onerror=alert(1)> & 'co'")
    assert running.server.texts == ["&lt;img src=x onerror=alert(1)&gt; &amp; 'co'"]


def test_a_warning_is_logged_and_shown_on_the_node_whose_id_is_known(
    page: ModuleType, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    page.warn_on_node("100 % odd", "7")
    page.warn_on_node("odd", None)
    assert caplog.messages == ["100 % odd", "odd"]
    assert running.server.sent == [("7", "100 % odd", "page")]


def test_without_comfyui_there_is_neither_node_nor_server(page: ModuleType) -> None:
    assert page.find_running_node() is None
    assert page.find_server() is None
    page.show_text("step 1/3")
    page.say_on_node("5", "step 1/3")


@pytest.fixture
def with_page(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The pack where images and texts can be shown; the images stand in place of the names of their files."""

    def show_image(image: Tensor, cls: type[Any]) -> Any:
        return SimpleNamespace(as_dict=lambda: {"images": [image, cls]})

    def show_text(value: str) -> Any:
        return SimpleNamespace(as_dict=lambda: {"text": (value,)})

    shown = SimpleNamespace(PreviewImage=show_image, PreviewText=show_text)
    monkeypatch.setattr(pack.module("nodes.bridge.page"), "ui", shown)
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
    assert with_page.node(node_id).GET_SCHEMA().is_output_node
    result, shown = with_page.run(node_id, **inputs), with_page.show(node_id, **inputs)
    assert shown is not None
    assert shown.get("text") == (None if text is None else (result[text],))
    if chart is not None:
        image, shown_by = shown["images"]
        assert torch.equal(image, result[chart])
        assert issubclass(shown_by, with_page.node(node_id))


def test_without_a_page_nothing_is_shown(pack: Pack) -> None:
    assert pack.show("DAS_ListLayers", model=pack.classifier(Toy())) is None
