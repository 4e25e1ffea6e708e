"""Finding, starting and stopping, with a small program in place of ComfyUI's main.py."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from cases import each_case
from harness import server as harness_server
from harness.server import (
    PACK_NAME,
    STAND_INS,
    ComfyUINotFoundError,
    ComfyUIStartError,
    Server,
    find_comfyui,
    make_environment,
    start_comfyui,
)
from repository import REPOSITORY

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


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_comfyui_is_found_at_the_environment_variable_and_else_in_the_home_folder(
    comfyui: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_comfyui() == comfyui
    monkeypatch.delenv("COMFYUI_PATH")
    monkeypatch.setenv("HOME", str(comfyui.parent))
    assert find_comfyui() == comfyui


def test_a_folder_without_comfyui_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    with pytest.raises(ComfyUINotFoundError) as caught:
        find_comfyui()
    assert str(tmp_path / "main.py") in str(caught.value)
    assert "set the environment variable COMFYUI_PATH" in str(caught.value)


def test_a_started_comfyui_answers_with_this_pack_in_it_and_is_stopped_at_the_end(
    comfyui: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    with start_comfyui(base, flags=("--cpu", "--one-more")) as server:
        assert requests.get(f"{server.url}/system_stats", timeout=5).ok
        assert "--cpu --one-more" in server.read_log()
        assert (base / "custom_nodes" / PACK_NAME).resolve() == REPOSITORY
        server.check_alive()
        assert is_running(server.process.pid)
    assert not is_running(server.process.pid)


def test_it_is_stopped_after_an_error_too_and_takes_other_packs(comfyui: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("")
    base = tmp_path / "base"
    started = []

    def fail() -> None:
        with start_comfyui(base, {"other.py": other}) as server:
            started.append(server.process.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in (base / "custom_nodes").iterdir()] == ["other.py"]
    assert not is_running(*started)


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


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGTERM that a program could ignore")
def test_one_that_ignores_the_request_to_stop_is_killed(
    comfyui: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comfyui / "main.py").write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + MAIN)
    monkeypatch.setattr(harness_server, "STOP_SECONDS", 0.2)
    with start_comfyui(tmp_path / "base") as server:
        pass
    assert server.process.poll() == -9


def test_the_end_of_the_log_is_in_the_error_of_a_server_that_went_away(make_server: Callable[..., Server]) -> None:
    make_server("http://127.0.0.1:1").check_alive()
    gone = make_server("http://127.0.0.1:1", code=1)
    assert gone.read_log_tail(2) == "line 98\nline 99"
    with pytest.raises(ComfyUIStartError, match=r"exit code 1; the end of its log:\nline 40\n"):
        gone.check_alive()


def run_with(environment: dict[str, str], code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout.strip()


def test_a_torchaudio_that_can_be_imported_stays_and_another_is_replaced_by_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: True)
    assert make_environment() == dict(os.environ)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(harness_server, "can_import_torchaudio", lambda: False)
    environment = make_environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(STAND_INS), str(tmp_path)]
    names = (
        "import torchaudio, torchaudio.functional; from torchaudio.transforms import MelScale; print(MelScale.__name__)"
    )
    assert run_with(environment, names) == "MelScale"
