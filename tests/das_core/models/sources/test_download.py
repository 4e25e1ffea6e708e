"""Downloads from a server in this process: whole and checked, or not at all."""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cases import each_case
from das_core.models.sources import connection
from das_core.models.sources.download import check_digest, download
from dead_drive import unplug

CONTENT = bytes(range(256)) * 12_000  # three blocks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the path says, truthfully or not."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        kind = self.path.strip("/").partition(".")[0]
        if kind == "garbage":
            self.wfile.write(b"this is not http\r\n\r\n")
            return
        if kind == "silent":
            return
        if kind == "missing":
            self.send_error(404)
            return
        if kind == "crawling":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            with contextlib.suppress(OSError):
                while not self.server.is_closing:  # type: ignore[attr-defined]
                    self.wfile.write(b"4444")
                    time.sleep(0.01)
            return
        self.send_response(200)
        if kind == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[:1000])
            return
        if kind != "unsized":
            self.send_header("Content-Length", "many" if kind == "odd" else str(len(CONTENT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if kind == "short" else CONTENT)

    def log_message(self, *_: object) -> None:
        pass


class Server:
    """The address of the server, and what was asked of it."""

    def __init__(self, port: int, asked: list[str]) -> None:
        self.port, self.asked = port, asked

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    asked: list[str] = []
    handler = type("Recording", (Handler,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.is_closing = False  # type: ignore[attr-defined]
        yield Server(running.server_address[1], asked)
        running.is_closing = True  # type: ignore[attr-defined]
        running.shutdown()
        thread.join()


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def is_empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


@each_case("name", ["whole.pth", "unsized.pth", "odd.pth"])
def test_a_file_arrives_whole(server: Server, tmp_path: Path, name: str) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "models" / "classifiers"
    path = download(server.url(name), folder, DIGEST[:8], lambda done, total: told.append((done, total)))
    assert path == folder / name
    assert path.read_bytes() == CONTENT
    assert list(folder.iterdir()) == [path]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (len(CONTENT), len(CONTENT) if name == "whole.pth" else 0)
    # One for each block; more only while nothing arrives.
    assert len({done for done, _ in told if done}) == 3


def test_a_good_file_is_as_readable_as_any_other_and_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    path = download(server.url("whole.pth"), tmp_path, DIGEST)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert download(server.url("whole.pth"), tmp_path, DIGEST) == path
    assert server.asked == ["GET /whole.pth"]


def test_a_file_in_place_that_cannot_be_read_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole.pth").write_bytes(CONTENT)
    unplug(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=r"'.*whole.pth' cannot be read \(.*not connected\); check its permissions"):
        download(server.url("whole.pth"), tmp_path, DIGEST)
    assert server.asked == []


def test_a_wrong_file_in_place_is_named_and_left(server: Server, tmp_path: Path) -> None:
    (tmp_path / "whole.pth").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"'whole.pth' is not the file it should be .* delete it and get it again"):
        download(server.url("whole.pth"), tmp_path, DIGEST)
    assert (tmp_path / "whole.pth").read_bytes() == b"mine"
    assert server.asked == []


@each_case(
    ("name", "digest", "says"),
    [
        ("short.pth", DIGEST, r"short.pth could not be downloaded from .*1536000 more expected"),
        ("chunked.pth", DIGEST, "chunked.pth could not be downloaded"),
        ("garbage.pth", DIGEST, "garbage.pth could not be downloaded .*this is not http"),
        ("silent.pth", DIGEST, "silent.pth could not be downloaded .*closed connection"),
        ("missing.pth", DIGEST, "missing.pth could not be downloaded .*404.* put the file into .*classifiers yourself"),
        ("whole.pth", "00000000", rf"'whole.pth' is not the file it should be \(SHA-256 begins {DIGEST[:8]}, not"),
    ],
)
def test_what_goes_wrong_is_told_and_leaves_nothing(
    server: Server, tmp_path: Path, name: str, digest: str, says: str
) -> None:
    folder = tmp_path / "classifiers"
    with pytest.raises(ValueError, match=says):
        download(server.url(name), folder, digest)
    assert is_empty(folder)


def test_nobody_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ValueError, match=r"a.pth could not be downloaded .*refused.*check the connection"):
        download(f"http://127.0.0.1:{closed_port()}/a.pth", tmp_path, DIGEST)
    assert is_empty(tmp_path)


def test_a_folder_that_cannot_be_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"whole\.pth could not be downloaded"):
        download(server.url("whole.pth"), tmp_path / "file" / "folder", DIGEST)
    with pytest.raises(ValueError, match=r"whole\.pth could not be downloaded"):
        download(server.url("whole.pth"), tmp_path / "file", DIGEST)


class Cancelled(Exception):  # noqa: N818 - named as it is meant
    pass


def test_progress_can_stop_it(server: Server, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        download(server.url("whole.pth"), tmp_path, DIGEST, stop)
    assert is_empty(tmp_path)
    assert download(server.url("whole.pth"), tmp_path, DIGEST).read_bytes() == CONTENT


def test_a_server_that_sends_a_few_bytes_now_and_then_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "TIMEOUT", 0.3)
    with pytest.raises(ValueError, match=r"crawling.pth could not be downloaded .*timed out: \d+ bytes came in"):
        download(server.url("crawling.pth"), tmp_path, DIGEST)
    assert is_empty(tmp_path)


def test_cancel_is_heard_while_a_server_sends_hardly_anything(server: Server, tmp_path: Path) -> None:
    calls: list[int] = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        raise Cancelled

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Cancelled):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/a.pth", tmp_path, DIGEST, stop)
    assert calls == [0]
    assert is_empty(tmp_path)


def test_a_digest_may_be_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    check_digest(tmp_path / "a", DIGEST)
    check_digest(tmp_path / "a", DIGEST[:8])
    with pytest.raises(ValueError, match="'b' is not the file it should be"):
        check_digest(tmp_path / "a", DIGEST[1:], "b")
