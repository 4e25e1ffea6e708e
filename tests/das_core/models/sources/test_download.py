"""Downloads from a server in this process, which is also the hub: whole and checked, or not at all."""

import contextlib
import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from cases import each_case
from das_core.models.sources import download as module
from das_core.models.sources.download import MissingError, download, fetch_file
from dead_drive import unplug
from stops import StopError

CONTENT = bytes(range(256)) * 12_000  # three blocks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the name of the file says, truthfully or not."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        kind = self.path.rpartition("/")[2].partition(".")[0]
        if kind == "garbage":
            self.wfile.write(b"this is not http\r\n\r\n")
        elif kind in ("missing", "gated"):
            self.send_error(404 if kind == "missing" else 401)
        elif kind.startswith("moved"):
            self.send_response(302)
            # To another name, another protocol, or first to another protocol.
            to = {
                "moved": "/whole.pth",
                "moved_far": "/moved_down.pth",
                "moved_up": self.server.url("whole.pth", "https"),
            }
            self.send_header("Location", to.get(kind, self.server.url("moved_up.pth")))
            self.end_headers()
        elif kind != "silent":
            self.send_response(200)
            if kind == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
            elif kind != "unsized":
                odd = {"odd": "many", "huge": "9" * 4301}
                self.send_header("Content-Length", odd.get(kind, str(len(CONTENT))))
            if kind == "page":
                self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.send_content(kind)

    def send_content(self, kind: str) -> None:
        if kind == "crawling":
            with contextlib.suppress(OSError):
                while not self.server.is_closing:
                    self.wfile.write(b"4444")
                    time.sleep(0.01)
        elif kind == "chunked":
            self.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[:1000])
        else:
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if kind == "short" else CONTENT)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The server, and what was asked of it."""

    is_closing = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    def url(self, path: str, protocol: str = "http") -> str:
        return f"{protocol}://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        monkeypatch.setattr(module, "hf_hub_url", lambda repository, name: running.url(f"{repository}/{name}"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.is_closing = True
        running.shutdown()
        thread.join()


def is_empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


@each_case("name", "whole.pth", "unsized.pth", "odd.pth", "huge.pth", "moved.pth")
def test_a_file_arrives_whole(server: Server, tmp_path: Path, name: str) -> None:
    told: list[tuple[int, int]] = []
    folder = tmp_path / "models" / "classifiers"
    path = download(server.url(name), folder, DIGEST[:8], lambda done, total: told.append((done, total)))
    assert path == folder / name
    assert path.read_bytes() == CONTENT
    assert list(folder.iterdir()) == [path]
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (len(CONTENT), len(CONTENT) if name in ("whole.pth", "moved.pth") else 0)
    # One for each block; more only while nothing arrives.
    assert len({done for done, _ in told if done}) == 3
    asked = len(server.asked)
    assert download(server.url(name), folder, DIGEST) == path
    assert len(server.asked) == asked


class Unencrypted(http.client.HTTPConnection):
    """Stands in for a connection by https, for which this server would need a certificate."""

    def __init__(self, host: str, timeout: float, **_: object) -> None:
        super().__init__(host, timeout=timeout)


def test_a_redirect_from_https_to_http_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.client, "HTTPSConnection", Unencrypted)
    assert download(server.url("moved.pth", "https"), tmp_path).read_bytes() == CONTENT
    assert download(server.url("moved_down.pth"), tmp_path).read_bytes() == CONTENT, "from http to http"
    for name, others in (("moved_down.pth", 0), ("moved_far.pth", 1)):
        server.asked.clear()
        with pytest.raises(ValueError, match=r"from https to http://.*/moved_up.pth, which is not secure"):
            download(server.url(name, "https"), tmp_path / "refused")
        assert len(server.asked) == 1 + others, "nothing is asked by http"
    assert is_empty(tmp_path / "refused")


def test_wrong_or_unreadable_files_are_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "whole.pth"
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"'whole.pth' is not the file it should be .* delete it and get it again"):
        download(server.url("whole.pth"), tmp_path, DIGEST)
    assert path.read_bytes() == b"mine"
    unplug(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=r"'.*whole.pth' cannot be read \(.*not connected\); check its permissions"):
        download(server.url("whole.pth"), tmp_path, DIGEST)
    assert not server.asked


@each_case(
    ("name", "digest", "says"),
    ("short.pth", "", r"short.pth could not be downloaded from .*1536000 more expected"),
    ("chunked.pth", "", "chunked.pth could not be downloaded"),
    ("garbage.pth", "", "garbage.pth could not be downloaded .*this is not http"),
    ("silent.pth", "", "silent.pth could not be downloaded .*closed connection"),
    ("page.pth", "", r"page.pth could not be downloaded .*the answer is a web page.* into .*classifiers yourself"),
    ("missing.pth", "", "missing.pth could not be downloaded .*404.* put the file into .*classifiers yourself"),
    ("whole.pth", "00000000", rf"'whole.pth' is not the file it should be \(SHA-256 begins {DIGEST[:8]}, not"),
)
def test_what_goes_wrong_leaves_nothing(server: Server, tmp_path: Path, name: str, digest: str, says: str) -> None:
    folder = tmp_path / "classifiers"
    with pytest.raises(ValueError, match=says):
        download(server.url(name), folder, digest)
    assert is_empty(folder)


def test_no_server_and_a_folder_that_cannot_be(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with pytest.raises(ValueError, match=r"a.pth could not be downloaded .*refused.*check the connection"):
        download(f"http://127.0.0.1:{port}/a.pth", tmp_path)
    assert is_empty(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"whole\.pth could not be downloaded"):
        download(server.url("whole.pth"), tmp_path / "file" / "folder")


def test_progress_can_stop_it(server: Server, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise StopError

    with pytest.raises(StopError):
        download(server.url("whole.pth"), tmp_path, DIGEST, stop)
    assert is_empty(tmp_path)
    assert download(server.url("whole.pth"), tmp_path, DIGEST).read_bytes() == CONTENT


def test_a_slow_server_is_given_up_or_ended(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        raise StopError

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.pth"
        with pytest.raises(StopError):
            download(url, tmp_path, progress=stop)
        assert calls == [0]
        monkeypatch.setattr(module, "TIMEOUT", 0.3)
        with pytest.raises(ValueError, match=r"a.pth could not be downloaded .*timed out"):
            download(url, tmp_path)
    with pytest.raises(ValueError, match=r"crawling.pth could not be downloaded .*timed out: \d+ bytes came in"):
        download(server.url("crawling.pth"), tmp_path)
    assert is_empty(tmp_path)


def test_a_call_that_does_not_return_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    monkeypatch.setattr("urllib.request.OpenerDirector.open", lambda *_, **__: ended.wait(5))
    with pytest.raises(ValueError, match="timed out: 0 bytes came in"):
        download("http://127.0.0.1/a.pth", tmp_path)
    ended.set()


def test_the_first_file_of_a_repository_that_is_there_is_taken(server: Server, tmp_path: Path) -> None:
    names = ["missing.safetensors", "whole.bin"]
    path = fetch_file("me/mine", names, tmp_path)
    assert path == tmp_path / "me--mine" / "whole.bin"
    assert path.read_bytes() == CONTENT
    assert server.asked == ["/me/mine/missing.safetensors", "/me/mine/whole.bin"]
    # Whatever lies in the folder is taken without asking.
    path.write_bytes(b"put here by hand")
    assert fetch_file("me/mine", ["better.safetensors", *names], tmp_path) == path
    assert len(server.asked) == 2


def test_a_set_is_complete_or_fetched_again(server: Server, tmp_path: Path) -> None:
    names, home = ["vocab.json", "missing.txt", "merges.txt"], tmp_path / "me--words"
    home.mkdir()
    (home / "merges.txt").touch()
    for _ in range(2):
        assert fetch_file("me/words", ["config.json"], tmp_path, beside=names) == home / "config.json"
        assert sorted(path.name for path in home.iterdir()) == ["config.json", "merges.txt", "vocab.json"]
    assert server.asked == [f"/me/words/{name}" for name in ("vocab.json", "missing.txt", "config.json")]
    with pytest.raises(MissingError):
        fetch_file("me/others", ["missing.json"], tmp_path, beside=names)


def test_what_the_hub_does_not_give_is_named(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match=r"me/mine has no file missing.bin or gated.bin .*account; .* into .*me--mi"):
        fetch_file("me/mine", ["missing.bin", "gated.bin"], tmp_path)
    with pytest.raises(ValueError, match=r"short.bin could not be downloaded from .*me/mine.* into .*me--mine yours"):
        fetch_file("me/mine", ["short.bin", "whole.bin"], tmp_path)
    asked = len(server.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"whole.bin of me/mine could not .*\(HF_HUB_OFFLINE .* into .*me--mine yours"):
        fetch_file("me/mine", ["whole.bin"], tmp_path)
    unplug(monkeypatch, tmp_path)
    for beside in ([], ["b"]):
        with pytest.raises(ValueError, match=r"'.*a' cannot be read \(.*not connected\); check its permissions"):
            fetch_file("me/mine", ["a"], tmp_path, beside=beside)
    assert len(server.asked) == asked
