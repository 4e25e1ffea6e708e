"""Finding, starting and stopping, with a small program in place of ComfyUI's main.py."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cases import each_case
from harness import page as harness_page
from harness import server as harness_server
from harness.page import BrowserNotFoundError, find_chromium
from harness.server import (
    STAND_INS,
    ComfyUINotFoundError,
    ComfyUIStartError,
    find_comfyui,
    make_environment,
    start_comfyui,
)

MAIN = """
import argparse, http.server, sys

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--base-directory")
known, others = parser.parse_known_args()
print("started with", *others, flush=True)
if "--crash" in others:
    sys.exit(3)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if "--deaf" not in others else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()


http.server.HTTPServer(("127.0.0.1", known.port), Handler).serve_forever()
"""


@pytest.fixture
def comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a ComfyUI."""
    folder = tmp_path / "ComfyUI"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    monkeypatch.setenv("COMFYUI_PATH", str(folder))
    return folder


def test_comfyui_is_found_at_the_environment_variable_and_else_in_the_home_folder(
    comfyui: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_comfyui() == comfyui
    monkeypatch.delenv("COMFYUI_PATH")
    monkeypatch.setenv("HOME", str(comfyui.parent))
    assert find_comfyui() == comfyui
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui.parent))
    with pytest.raises(ComfyUINotFoundError, match=rf"{comfyui.parent / 'main.py'}; set the .* COMFYUI_PATH"):
        find_comfyui()


@each_case(
    ("flag", "seconds", "message"),
    [
        ("--crash", harness_server.START_SECONDS, r"ended with exit code 3(.|\n)*started with .*--crash"),
        ("--deaf", 1.0, r"did not answer within 1 s(.|\n)*--deaf"),
    ],
)
def test_one_that_ends_at_once_or_does_not_answer_in_time_is_an_error_with_its_log_and_is_stopped(
    comfyui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, seconds: float, message: str
) -> None:
    monkeypatch.setattr(harness_server, "START_SECONDS", seconds)
    # This would start a process of its own, once.
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args: Any, **settings: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **settings))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    with (
        pytest.raises(ComfyUIStartError, match=message),
        start_comfyui(tmp_path / "base", flags=(flag,)),
    ):
        pytest.fail("it has ended or does not answer")
    assert [process.poll() is None for process in started] == [False]


def test_one_with_another_pack_is_stopped_after_an_error_too_and_killed_if_it_ignores_the_request(
    comfyui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comfyui / "main.py").write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + MAIN)
    (tmp_path / "other.py").touch()
    monkeypatch.setattr(harness_server, "STOP_SECONDS", 0.2)
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    servers = []

    def fail() -> None:
        with start_comfyui(tmp_path / "base", {"other.py": tmp_path / "other.py"}) as server:
            servers.append(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in (tmp_path / "base" / "custom_nodes").iterdir()] == ["other.py"]
    assert servers[0].process.poll() == -9


def test_the_chromium_on_the_path_comes_before_debians_and_that_before_playwrights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(harness_page, "DEBIAN_CHROMIUM", str(tmp_path / "debian"))
    with pytest.raises(BrowserNotFoundError, match=r"debian and .*bundled; 'playwright install chromium' brings one"):
        find_chromium(str(tmp_path / "bundled"))
    for name in ("bundled", "debian", "chromium"):
        (tmp_path / name).touch(mode=0o755)
        assert find_chromium(str(tmp_path / "bundled")) == str(tmp_path / name)


def test_a_torchaudio_that_can_be_imported_stays_and_another_is_replaced_by_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    assert make_environment() == dict(os.environ)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: False)
    environment = make_environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(STAND_INS), str(tmp_path)]
    names = "import torchaudio, torchaudio.functional; from torchaudio.transforms import MelScale"
    assert subprocess.run([sys.executable, "-c", names], env=environment).returncode == 0
