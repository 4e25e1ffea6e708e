"""Prompts of former versions: ComfyUI's server passes all through the function that it is given."""

from types import ModuleType
from typing import Any

import pytest

from cases import each_case
from loaded_pack import Pack


class Server:
    """The part of ComfyUI's server that takes handlers, `trigger_on_prompt` as it has it."""

    def __init__(self) -> None:
        self.sockets: dict[str, Any] = {}
        self.handlers: list[Any] = []

    def add_on_prompt_handler(self, handler: Any) -> None:
        self.handlers.append(handler)

    def trigger_on_prompt(self, content: Any) -> Any:
        for handler in self.handlers:
            content = handler(content)
        return content


@pytest.fixture
def module(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.older_prompts")


def test_every_prompt_passes_through_the_function(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(module, "find_server", lambda: server)
    module.migrate_prompts(lambda prompt: {"5": prompt["5"].upper()})
    assert server.trigger_on_prompt({"prompt": {"5": "a"}, "client_id": 3}) == {"prompt": {"5": "A"}, "client_id": 3}


@each_case("content", [{"client_id": 3}, {}, [], None, "prompt"])
def test_what_holds_no_prompt_stays(module: ModuleType, monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    server = Server()
    monkeypatch.setattr(module, "find_server", lambda: server)
    module.migrate_prompts(lambda prompt: 1 / 0)
    assert server.trigger_on_prompt(content) == content


def test_without_a_server_nothing_happens(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_server", lambda: None)
    module.migrate_prompts(lambda prompt: prompt)
