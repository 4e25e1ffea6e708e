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
import http.server, sys

print("started with", *sys.argv, flush=True)
if "--crash" in sys.argv:
    sys.exit(3)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if "--deaf" not in sys.argv else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()


port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a ComfyUI; whether torchaudio works is not tried in a process of its own."""
    folder = tmp_path / "ComfyUI"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    monkeypatch.setenv("COMFYUI_PATH", str(folder))
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    return folder


def test_comfyui_is_found_by_variable_or_at_home(comfyui: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_comfyui() == comfyui
    monkeypatch.delenv("COMFYUI_PATH")
    monkeypatch.setenv("HOME", str(comfyui.parent))
    assert find_comfyui() == comfyui
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui.parent))
    with pytest.raises(ComfyUINotFoundError, match=rf"{comfyui.parent / 'main.py'}; set the .* COMFYUI_PATH"):
        find_comfyui()


@each_case(
    ("flag", "seconds", "message"),
    ("--crash", harness_server.START_SECONDS, r"ended with exit code 3(.|\n)*started with .*--crash"),
    ("--deaf", 3.0, r"did not answer within 3 s(.|\n)*--deaf"),
)
def test_one_that_ends_at_once_or_does_not_answer_in_time_is_an_error_with_its_log_and_is_stopped(
    comfyui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, seconds: float, message: str
) -> None:
    monkeypatch.setattr(harness_server, "START_SECONDS", seconds)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args: Any, **settings: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **settings))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(ComfyUIStartError, match=message), start_comfyui(tmp_path / "base", flags=(flag,)):
        pytest.fail("it has ended or does not answer")
    assert [process.poll() is None for process in started] == [False]


def test_one_that_ignores_the_end_is_killed(comfyui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (comfyui / "main.py").write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + MAIN)
    (tmp_path / "other.py").touch()
    monkeypatch.setattr(harness_server, "STOP_SECONDS", 0.2)
    with pytest.raises(ZeroDivisionError), start_comfyui(tmp_path / "base", {"other.py": tmp_path / "other.py"}) as one:
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "base" / "custom_nodes").iterdir()] == ["other.py"]
    assert one.process.poll() == -9


def test_chromium_is_on_the_path_or_debians_or_playwrights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(harness_page, "DEBIAN_CHROMIUM", str(tmp_path / "debian"))
    with pytest.raises(BrowserNotFoundError, match=r"debian and .*bundled; 'playwright install chromium' brings one"):
        find_chromium(str(tmp_path / "bundled"))
    for name in ("bundled", "debian", "chromium"):
        (tmp_path / name).touch(mode=0o755)
        assert find_chromium(str(tmp_path / "bundled")) == str(tmp_path / name)


def test_a_torchaudio_that_does_not_work_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    assert make_environment() == dict(os.environ)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: False)
    environment = make_environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(STAND_INS), str(tmp_path)]
    names = "import torchaudio, torchaudio.functional; from torchaudio.transforms import MelScale"
    assert subprocess.run([sys.executable, "-c", names], env=environment).returncode == 0
