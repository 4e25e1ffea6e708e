"""Fixtures for tests without a ComfyUI: `web`, a small web server in its place, and `make_server`, its description."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.server import Server

Answer = tuple[int, bytes]


@dataclass
class Web:
    """The answers of the web server, by method and path, and the requests that it received."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    def answer(self, request: str, body: bytes) -> Answer:
        self.requests.append((request, body))
        path = request.partition("?")[0]
        if path not in self.answers:
            return 404, b""
        content = self.answers[path]
        if callable(content):
            content = content()
        status, content = content if isinstance(content, tuple) else (200, content)
        return status, content if isinstance(content, bytes) else json.dumps(content).encode()

    def received(self, path: str) -> list[Any]:
        """The JSON values that were sent to a path."""
        return [json.loads(body) for request, body in self.requests if request == path]


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on this machine."""
    started = Web()

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = started.answer(f"{self.command} {self.path}", body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = reply  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    started.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield started
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class FixedProcess:
    """A process that runs for ever, or has ended with an exit code."""

    def __init__(self, code: int | None = None) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def make_server(tmp_path: Path) -> Callable[..., Server]:
    """A function that describes a server at a URL, whose process runs or has ended with an exit code."""

    def make(url: str, code: int | None = None) -> Server:
        log = tmp_path / "comfyui.log"
        log.write_text("".join(f"line {number}\n" for number in range(100)))
        return Server(url, tmp_path, FixedProcess(code), log)  # type: ignore[arg-type]

    return make
