"""The stream of events, against a small WebSocket server; tests/comfyui has the real one."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image
from websockets.sync.server import ServerConnection, serve

from harness.events import PREVIEW_IMAGE, PREVIEW_IMAGE_WITH_METADATA, TEXT, open_events
from harness.server import Server


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def encode(color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), color).save(buffer, "PNG")
    return buffer.getvalue()


def event(kind: str, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data})


@contextmanager
def sending(*messages: str | bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that sends messages to whoever connects: its URL, and the paths and texts that it received."""
    received: list[str] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        received.append(connection.request.path)
        connection.send(event("status"))
        received.append(str(connection.recv()))
        connection.send(event("feature_flags"))
        for message in messages:
            connection.send(message)
        connection.recv()  # raises an error when the client leaves, which ends this thread

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}", received
        finally:
            server.shutdown()
            thread.join()


def test_a_stream_opens_with_an_id_of_its_own_and_asks_for_the_node_of_each_preview(
    make_server: Callable[..., Server],
) -> None:
    with sending(event("progress", value=1)) as (url, received):
        with open_events(make_server(url)) as events:
            assert events.receive(30).data == {"value": 1}
        assert received[0] == f"/ws?clientId={events.client_id}"
        assert json.loads(received[1])["data"] == {"supports_preview_metadata": True}


def test_previews_and_texts_carry_the_node_that_shows_them_where_it_is_told(make_server: Callable[..., Server]) -> None:
    told = json.dumps({"node_id": "5"}).encode()
    messages = [
        number(PREVIEW_IMAGE_WITH_METADATA) + number(len(told)) + told + encode("red"),
        number(PREVIEW_IMAGE) + number(2) + encode("blue"),
        number(9) + b"?",
        number(TEXT) + number(4) + b"12:5" + "step 1/3 · jellyfish".encode(),
    ]
    with sending(*messages) as (url, _), open_events(make_server(url)) as events:
        first, second, other, shown = (events.receive(30) for _ in messages)
    assert (first.type, first.data, second.type, second.data) == ("preview", {"node_id": "5"}, "preview", {})
    assert first.image is not None
    assert second.image is not None
    assert (first.image.getpixel((0, 0)), second.image.getpixel((0, 0))) == ((255, 0, 0), (0, 0, 255))
    assert (other.type, other.image) == ("binary 9", None)
    assert (shown.type, shown.data) == ("progress_text", {"node": "12:5", "text": "step 1/3 · jellyfish"})


def test_the_events_of_one_prompt_end_with_it_and_leave_out_those_of_others(make_server: Callable[..., Server]) -> None:
    messages = [
        event("executing", node="1", prompt_id="mine"),
        event("executing", node=None, prompt_id="other"),
        event("progress", value=1),
        event("execution_success", prompt_id="mine"),
        event("executing", node=None, prompt_id="mine"),
        event("progress", value=2),
    ]
    with sending(*messages) as (url, _), open_events(make_server(url)) as events:
        seen = [(found.type, found.data.get("node", "")) for found in events.receive_until_done("mine", timeout=30)]
        assert seen == [("executing", "1"), ("progress", ""), ("execution_success", ""), ("executing", None)]
        assert events.receive(30).data == {"value": 2}


def test_a_prompt_that_does_not_end_in_time_is_an_error_with_the_end_of_the_log(
    make_server: Callable[..., Server],
) -> None:
    with (
        sending(event("progress", value=1)) as (url, _),
        open_events(make_server(url)) as events,
        pytest.raises(TimeoutError, match=r"mine not over in 0.2 s(.|\n)*line 99"),
    ):
        list(events.receive_until_done("mine", timeout=0.2))
