"""The client and its events where the real ComfyUI of tests/comfyui gives no such answer: errors, ends and timeouts."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from PIL import Image
from websockets.sync.server import ServerConnection, serve

from harness.client import Client, PromptRejectedError
from harness.events import PREVIEW_IMAGE, TEXT, open_events
from harness.server import ComfyUIStartError, Server

MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(tmp_path: Path) -> MakeServer:
    """A function that describes a server at a URL, whose process returns these codes when it is polled."""

    def make(url: str, *codes: int | None) -> Server:
        (tmp_path / "comfyui.log").write_text("".join(f"line {number}\n" for number in range(100)))
        left = iter(codes[:-1])
        process = SimpleNamespace(poll=lambda: next(left, codes[-1] if codes else None))
        return Server(url, tmp_path, process, tmp_path / "comfyui.log")  # type: ignore[arg-type]

    return make


@pytest.fixture
def answers() -> Iterator[dict[str, Any]]:
    """The answers of a web server, a status and a JSON value by method and path; its address is under "url"."""
    given: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = given[f"{self.command} {self.path}"]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = reply  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        given["url"] = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield given
        finally:
            httpd.shutdown()
            thread.join()


def test_errors_of_the_validation_are_raised_also_if_other_outputs_run(
    answers: dict[str, Any], make_server: MakeServer
) -> None:
    client, errors = Client(make_server(answers["url"])), {"7": {"errors": [{"message": "Input is missing"}]}}
    for status in (400, 200):
        answers["POST /prompt"] = (status, {"prompt_id": "p1", "node_errors": errors})
        with pytest.raises(PromptRejectedError, match="Input is missing") as caught:
            client.queue({})
        assert caught.value.node_errors == errors
    answers["POST /prompt"] = (500, "broken")
    with pytest.raises(requests.HTTPError, match="500"):
        client.queue({})


def test_a_wait_ends_in_time_or_with_the_server_and_shows_the_end_of_the_log(
    answers: dict[str, Any], make_server: MakeServer
) -> None:
    answers |= {"GET /history/p1": (200, {}), "POST /queue": (200, {}), "POST /interrupt": (200, {})}
    answers["GET /queue"] = (200, {"queue_running": [[0, "p1"]]})
    client = Client(make_server(answers["url"]))
    with pytest.raises(TimeoutError, match=r"p1 not over in 0.2 s(.|\n)*line 99"):
        client.wait("p1", timeout=0.2)
    with pytest.raises(TimeoutError, match=r"still running after 0.2 s(.|\n)*line 99"):
        client.stop_all(timeout=0.2)
    with pytest.raises(ComfyUIStartError, match=r"exit code 9; the end of its log:\nline 40\n(.|\n)*line 99"):
        Client(make_server(answers["url"], 9)).wait("p1", timeout=60)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ComfyUIStartError, match="exit code 9"):  # a server that closes its port ends a moment later
        Client(make_server(closed, None, 9)).wait("p1", timeout=60)


def event(kind: str, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data})


@contextmanager
def sending(*messages: str | bytes) -> Iterator[str]:
    """A server at this URL that sends messages to whoever connects."""

    def talk(connection: ServerConnection) -> None:
        for message in (event("status"), event("feature_flags"), *messages):
            connection.send(message)
        connection.recv()
        connection.recv()  # raises an error when the client leaves, which ends this thread

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_events_of_one_prompt_end_with_it_and_leave_out_those_of_others(make_server: MakeServer) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (3, 2), "blue").save(picture, "PNG")
    messages: list[str | bytes] = [
        event("executing", node="1", prompt_id="mine"),
        event("executing", node=None, prompt_id="other"),
        PREVIEW_IMAGE.to_bytes(4, "big") + bytes(4) + picture.getvalue(),
        (9).to_bytes(4, "big") + b"?",
        TEXT.to_bytes(4, "big") + (4).to_bytes(4, "big") + b"12:5" + "1/3 · fish".encode(),
        event("executing", node=None, prompt_id="mine"),
        event("progress", value=2),
    ]
    with sending(*messages) as url, open_events(make_server(url)) as events:
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
        assert events.receive(30).data == {"value": 2}
        with pytest.raises(TimeoutError, match=r"mine not over in 0.2 s(.|\n)*line 99"):
            list(events.receive_until_done("mine", timeout=0.2))
