"""A real ComfyUI as a process of its own: finding it, starting it with this pack, and stopping it.

The tests in tests/comfyui use it.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests

from repository import REPOSITORY

# The name of the pack's folder below custom_nodes: its name in ComfyUI's registry, which is no Python identifier
PACK_NAME = "direct-ascent"
# The time limit of a start. A start usually takes about 6 s, but the first start after an installation has to compile
# every module.
START_SECONDS = 180.0
STOP_SECONDS = 10.0

# The folder of packages that take the place of packages that cannot be imported
STAND_INS = Path(__file__).parent / "stand_ins"


class ComfyUINotFoundError(FileNotFoundError):
    """There is no ComfyUI at the expected place."""


class ComfyUIStartError(RuntimeError):
    """ComfyUI did not start, or has ended."""


def find_comfyui() -> Path:
    """Return the folder of ComfyUI: the one that the environment variable COMFYUI_PATH names, else ~/ComfyUI."""
    path = Path(os.environ.get("COMFYUI_PATH") or "~/ComfyUI").expanduser()
    if not (path / "main.py").is_file():
        raise ComfyUINotFoundError(
            f"no ComfyUI here: looked for {path / 'main.py'}; set the environment variable COMFYUI_PATH to its folder"
        )
    return path


@dataclass(frozen=True)
class Server:
    """A ComfyUI process that was started, and whose HTTP interface answers."""

    url: str
    base_directory: Path
    process: subprocess.Popen[bytes]
    log_path: Path

    def read_log(self) -> str:
        """Return everything that the process has printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def read_log_tail(self, lines: int = 60) -> str:
        """Return the last lines that the process has printed, for error messages."""
        return "\n".join(self.read_log().splitlines()[-lines:])

    def check_alive(self) -> None:
        """Raise ComfyUIStartError with the end of the log when the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ComfyUIStartError(f"ComfyUI ended with exit code {code}; the end of its log:\n{self.read_log_tail()}")


@contextmanager
def start_comfyui(
    base_directory: Path, packs: Mapping[str, Path] | None = None, flags: Sequence[str] = ("--cpu",)
) -> Iterator[Server]:
    """Start ComfyUI with this Python and some packs (by default this one), wait until it answers, and stop it at the
    end."""
    comfyui = find_comfyui()
    custom_nodes = base_directory / "custom_nodes"
    custom_nodes.mkdir(parents=True, exist_ok=True)
    for name, target in (packs if packs is not None else {PACK_NAME: REPOSITORY}).items():
        (custom_nodes / name).symlink_to(target)
    port = _free_port()
    command = [sys.executable, "main.py", "--disable-api-nodes", "--port", str(port)]
    command += ["--base-directory", str(base_directory), "--database-url", "sqlite:///:memory:", *flags]
    if frontend := os.environ.get("COMFYUI_FRONTEND"):
        command += ["--front-end-root", frontend]
    log_path = base_directory / "comfyui.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=comfyui, env=make_environment(), stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Server(f"http://127.0.0.1:{port}", base_directory, process, log_path)
        _wait_until_ready(server)
        yield server
    finally:
        _stop(process)


@cache
def can_import_torchaudio() -> bool:
    """Return whether this Python can import torchaudio; a child tries it, as a failed import leaves modules behind."""
    return subprocess.run([sys.executable, "-c", "import torchaudio"], capture_output=True).returncode == 0


def make_environment() -> dict[str, str]:
    """Return the environment for ComfyUI, with `STAND_INS` in PYTHONPATH if torchaudio cannot be imported."""
    environment = dict(os.environ)
    if not can_import_torchaudio():
        paths = [str(STAND_INS), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _free_port() -> int:
    """Return a port that is free on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server) -> None:
    """Poll until the server answers; it opens its port after all node packs are loaded."""
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the environment for requests to this machine
        while time.monotonic() < deadline:
            server.check_alive()
            try:
                session.get(f"{server.url}/system_stats", timeout=5).raise_for_status()
            except requests.RequestException:
                pause.wait(0.1)
            else:
                return
    raise ComfyUIStartError(
        f"ComfyUI did not answer within {START_SECONDS:.0f} s; the end of its log:\n{server.read_log_tail()}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # Python does not handle SIGTERM while native code runs, which can take long
        process.wait()
