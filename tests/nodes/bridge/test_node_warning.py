"""Warnings in the log and as text on a node."""

import logging
from typing import ClassVar

import pytest

from cases import each_case
from loaded_pack import Pack

Sent = list[tuple[str, str]]


@pytest.fixture
def sent(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is sent to the page: a text and the id of a node each."""
    page = pack.module("nodes.bridge.page")
    texts: Sent = []

    class Server:
        sockets: ClassVar[dict[str, object]] = {}
        client_id = "page"

        def send_progress_text(self, text: str, node_id: str, client_id: str) -> None:
            assert client_id == "page"
            texts.append((text, node_id))

    monkeypatch.setattr(page.PromptServer, "instance", Server(), raising=False)
    return texts


def test_a_warning_is_logged_and_shown_on_the_node(pack: Pack, sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pack.module("nodes.bridge").warn_on_node("100 % odd", "7")
    assert [record.getMessage() for record in caplog.records] == ["100 % odd"]
    assert sent == [("100 % odd", "7")]


@each_case("server", [None, object()])
def test_without_a_server_that_shows_texts_it_is_only_logged(
    pack: Pack, sent: Sent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: object
) -> None:
    monkeypatch.setattr(pack.module("nodes.bridge.page").PromptServer, "instance", server)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        pack.module("nodes.bridge").warn_on_node("odd", "7")
    assert "odd" in caplog.text
    assert sent == []


def test_without_the_id_of_a_node_it_is_only_logged(pack: Pack, sent: Sent, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pack.module("nodes.bridge").warn_on_node("odd", None)
    assert "odd" in caplog.text
    assert sent == []
