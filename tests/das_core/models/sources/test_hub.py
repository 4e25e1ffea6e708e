"""Files of a hub that runs in this process."""

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cases import each_case
from das_core.models.sources import hub
from das_core.models.sources.hub import fetch_file, fetch_files, locate_repository
from dead_drive import unplug

WEIGHTS = bytes(range(256)) * 1000
SMALL = b'{"a": 1}'


class Hub(BaseHTTPRequestHandler):
    """The hub: large files are redirected to where they lie, their digest told on the way; small ones are not."""

    asked: list[str]
    files: dict[str, bytes]
    lie = False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        name = self.path.removeprefix("/store").rpartition("/")[2]
        content = self.files.get(name)
        if content is None:
            self.send_error(401 if name.startswith("gated") else 404)
            return
        large = len(content) > 1000
        if large and not self.path.startswith("/store"):
            digest = hashlib.sha256(content + (b"!" if self.lie else b"")).hexdigest()
            self.send_response(302)
            self.send_header("Location", f"/store/{name}")
            self.send_header("X-Linked-Etag", f'"{digest}"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", '"0123456789012345678901234567890123456789"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("Handler", (Hub,), {"asked": [], "files": {"model.safetensors": WEIGHTS, "config.json": SMALL}})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{running.server_port}"
    monkeypatch.setattr(hub, "hf_hub_url", lambda repository, name: f"{address}/{repository}/resolve/main/{name}")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    yield handler
    running.shutdown()
    running.server_close()


def test_a_file_is_fetched_once_and_told_of(server: type[Hub], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch_file("me/mine", ["model.safetensors"], tmp_path, lambda *step: told.append(step))
    assert path == tmp_path / "me--mine" / "model.safetensors"
    assert path.read_bytes() == WEIGHTS
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    asked = len(server.asked)
    assert fetch_file("me/mine", ["model.safetensors"], tmp_path) == path
    assert len(server.asked) == asked


def test_the_first_form_that_is_there_is_taken(server: type[Hub], tmp_path: Path) -> None:
    assert fetch_file("me/mine", ["best.safetensors", "model.safetensors"], tmp_path).name == "model.safetensors"
    home = locate_repository("me/other", tmp_path)
    home.mkdir()
    (home / "model.bin").write_bytes(b"put here by hand")
    assert fetch_file("me/other", ["model.safetensors", "model.bin"], tmp_path) == home / "model.bin"


def test_a_file_of_another_digest_is_refused_and_not_kept(server: type[Hub], tmp_path: Path) -> None:
    server.lie = True
    with pytest.raises(ValueError, match=r"'model.safetensors' is not the file it should be"):
        fetch_file("me/mine", ["model.safetensors"], tmp_path)
    assert not list(locate_repository("me/mine", tmp_path).iterdir())


def test_a_folder_that_cannot_be_read_is_named(
    server: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplug(monkeypatch, tmp_path)
    for fetch in (
        lambda: fetch_file("me/mine", ["model.safetensors"], tmp_path),
        lambda: fetch_files("me/mine", "model.safetensors", [], tmp_path),
    ):
        with pytest.raises(ValueError, match=r"'.*model.safetensors' cannot be read \(.*not connected\); check its"):
            fetch()
    assert not server.asked


def test_a_set_is_complete_or_fetched_again(server: type[Hub], tmp_path: Path) -> None:
    server.files |= {"tokenizer.json": SMALL, "tokenizer_config.json": SMALL}
    names = ["tokenizer.json", "vocab.txt"]
    home = locate_repository("me/words", tmp_path)
    home.mkdir()
    (home / "tokenizer.json").write_bytes(SMALL)
    assert fetch_files("me/words", "tokenizer_config.json", names, tmp_path) == home
    assert sorted(path.name for path in home.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    assert [line for line in server.asked if line.startswith("GET")] == [
        "GET /me/words/resolve/main/tokenizer_config.json"
    ]
    asked = len(server.asked)
    fetch_files("me/words", "tokenizer_config.json", names, tmp_path)
    assert len(server.asked) == asked


@each_case("name", ["missing.bin", "gated.bin"])
def test_what_cannot_be_had_is_named(server: type[Hub], tmp_path: Path, name: str) -> None:
    where = re.escape(str(tmp_path / "me--mine"))
    with pytest.raises(ValueError, match=rf"me/mine has no file {name} .*account; .* put it into {where}"):
        fetch_file("me/mine", [name], tmp_path)


def test_an_unreachable_hub_is_named_with_the_file_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(hub, "hf_hub_url", lambda repository, name: f"http://127.0.0.1:{port}/{name}")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    where = re.escape(str(tmp_path / "me--mine"))
    with pytest.raises(ValueError, match=rf"model.bin of me/mine could not be .* put the file into {where} yourself"):
        fetch_file("me/mine", ["model.bin"], tmp_path)
    assert not (tmp_path / "me--mine").exists()


def test_a_silent_hub_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(hub, "hf_hub_url", lambda repository, name: f"{address}/{name}")
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(hub, "TIMEOUT", 0.2)
        with pytest.raises(ValueError, match="timed out"):
            fetch_file("me/mine", ["model.bin"], tmp_path)


def test_offline_the_hub_is_not_asked(server: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"\(HF_HUB_OFFLINE is set"):
        fetch_file("me/mine", ["model.safetensors"], tmp_path)
    assert not server.asked
