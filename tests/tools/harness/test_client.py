"""The client and its events where the real ComfyUI of tests/comfyui gives no such answer: errors, ends and timeouts."""

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from PIL import Image

from harness.client import Client, PromptRejectedError
from harness.events import PREVIEW_IMAGE, TEXT, EventStream
from harness.server import ComfyUIStartError, Server

MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> MakeServer:
    """A function that describes a server whose process returns these codes when it is polled."""

    def make(*codes: int | None) -> Server:
        (tmp_path / "comfyui.log").write_text("".join(f"line {number}\n" for number in range(100)))
        poll = Mock(side_effect=itertools.chain(codes, itertools.repeat(codes[-1] if codes else None)))
        return Server("http://127.0.0.1:1", tmp_path, Mock(poll=poll), tmp_path / "comfyui.log")

    return make


def test_errors_of_one_output_are_raised(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client, answer = Client(make_server()), requests.Response()
    monkeypatch.setattr(client._session, "post", lambda *_, **__: answer)
    errors = {"7": {"errors": [{"message": "Input is missing"}]}}
    answer._content = json.dumps({"prompt_id": "p1", "node_errors": errors}).encode()
    for status in (400, 200):
        answer.status_code = status
        with pytest.raises(PromptRejectedError, match="Input is missing") as caught:
            client.queue({})
        assert caught.value.node_errors == errors
    answer.status_code = 500
    with pytest.raises(requests.HTTPError, match="500"):
        client.queue({})


def test_a_wait_ends_in_time_or_with_the_server(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "get", lambda *_: {"queue_running": [[0, "p1"]]})
    monkeypatch.setattr(Client, "post", lambda *_: None)
    with pytest.raises(TimeoutError, match=r"p1 not over in 0.2 s(.|\n)*line 99"):
        Client(make_server()).wait("p1", timeout=0.2)
    with pytest.raises(TimeoutError, match=r"still running after 0.2 s(.|\n)*line 99"):
        Client(make_server()).stop_all(timeout=0.2)
    with pytest.raises(ComfyUIStartError, match=r"exit code 9; the end of its log:\nline 40\n(.|\n)*line 99"):
        Client(make_server(9)).wait("p1", timeout=60)
    monkeypatch.undo()
    with pytest.raises(ComfyUIStartError, match="exit code 9"):  # a server that closes its port ends a moment later
        Client(make_server(None, 9)).wait("p1", timeout=60)


def test_the_events_of_one_prompt_end_with_it_and_leave_out_those_of_others(make_server: MakeServer) -> None:
    def event(kind: str, **data: Any) -> str:
        return json.dumps({"type": kind, "data": data})

    picture = io.BytesIO()
    Image.new("RGB", (3, 2), "blue").save(picture, "PNG")
    messages = [
        event("executing", node="1", prompt_id="mine"),
        event("executing", node=None, prompt_id="other"),
        PREVIEW_IMAGE.to_bytes(4, "big") + bytes(4) + picture.getvalue(),
        (9).to_bytes(4, "big") + b"?",
        TEXT.to_bytes(4, "big") + (4).to_bytes(4, "big") + b"12:5" + "1/3 · fish".encode(),
        event("executing", node=None, prompt_id="mine"),
        event("progress", value=2),
    ]
    socket = Mock(recv=Mock(side_effect=itertools.chain(messages, itertools.repeat(TimeoutError))))
    events = EventStream(make_server(), socket, "id")
    seen = list(events.receive_until_done("mine", timeout=30))
    assert [(found.type, found.data.get("node", "")) for found in seen] == [
        ("executing", "1"),
        ("preview", ""),
        ("binary 9", ""),
        ("progress_text", "12:5"),
        ("executing", None),
    ]
    assert seen[1].image is not None
    assert seen[1].image.getpixel((0, 0)) == (0, 0, 255)
    assert seen[3].data["text"] == "1/3 · fish"
    with pytest.raises(TimeoutError, match=r"mine not over in 0.2 s(.|\n)*line 99"):
        list(events.receive_until_done("mine", timeout=0.2))
