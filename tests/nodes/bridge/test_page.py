"""The text on the node that is running, and the server that sends it."""

from types import ModuleType

import pytest

from loaded_pack import Pack
from running_node import Running


@pytest.fixture
def page(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.page")


def test_a_text_goes_to_the_running_node_in_the_page_that_queued_it(page: ModuleType, running: Running) -> None:
    page.show_text("step 1/3")
    running.node_id, running.server.client_id = "12:5", None
    page.show_text("step 2/3")
    assert running.server.sent == [("5", "step 1/3", "page"), ("12:5", "step 2/3", None)]


def test_a_prompt_cannot_bring_html_into_the_page(page: ModuleType, running: Running) -> None:
    page.show_text("<img src=x onerror=alert(1)> & 'co'")
    assert running.server.texts == ["&lt;img src=x onerror=alert(1)&gt; &amp; 'co'"]


def test_where_no_node_is_running_nothing_is_said(page: ModuleType, running: Running, pack: Pack) -> None:
    page.utils.get_executing_context = lambda: None
    assert page.find_running_node() is None
    page.show_text("step 1/3")
    assert running.server.sent == []


def test_without_comfyui_there_is_neither_node_nor_server(page: ModuleType) -> None:
    assert page.find_running_node() is None
    assert page.find_server() is None
    page.show_text("step 1/3")
    page.say_on_node("5", "step 1/3")


def test_the_running_node_is_named_with_its_prompt(page: ModuleType, running: Running) -> None:
    assert page.find_running_node() == ("5", "first")
