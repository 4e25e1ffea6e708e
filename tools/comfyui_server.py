"""A real ComfyUI as a process of its own: found, started with this pack in it, and stopped again.

Used by the tests in tests/comfyui and by make_examples.py. Nothing here knows what the pack contains.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
PACK_NAME = "comfyui-direct-ascent"
"""The folder's name below custom_nodes. With hyphens, as users have it: such a name is no Python identifier."""

START_SECONDS = 180.0
"""A warm start takes about 6 s; the first one after an installation has to compile every module."""

STOP_SECONDS = 10.0


class ComfyUINotFoundError(FileNotFoundError):
    """There is no ComfyUI where it was looked for."""


class ComfyUIStartError(RuntimeError):
    """ComfyUI is there, but did not come up, or went away."""


def find_comfyui() -> Path:
    """Return the folder of ComfyUI: the environment variable COMFYUI_PATH, else ~/ComfyUI.

    Raises:
        ComfyUINotFoundError: no main.py lies there; the message says how to give another folder.
    """
    path = Path(os.environ.get("COMFYUI_PATH") or "~/ComfyUI").expanduser()
    if not (path / "main.py").is_file():
        raise ComfyUINotFoundError(
            f"no ComfyUI here: looked for {path / 'main.py'}; set the environment variable COMFYUI_PATH to its folder"
        )
    return path


@dataclass(frozen=True)
class Server:
    """A ComfyUI that was started, and whose HTTP interface answers."""

    url: str
    base_directory: Path
    process: subprocess.Popen[bytes]
    log_path: Path

    def log(self) -> str:
        """Return everything that it printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def log_tail(self, lines: int = 60) -> str:
        """Return the last lines that it printed, for error messages."""
        return "\n".join(self.log().splitlines()[-lines:])

    def check_alive(self) -> None:
        """Raise ComfyUIStartError with the end of the log when the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ComfyUIStartError(f"ComfyUI ended with exit code {code}; the end of its log:\n{self.log_tail()}")


@contextmanager
def running_comfyui(
    base_directory: Path,
    packs: Mapping[str, Path] | None = None,
    flags: Sequence[str] = ("--cpu",),
) -> Iterator[Server]:
    """Start ComfyUI with this Python, wait until it answers, and stop it at the end whatever happened.

    Args:
        base_directory: models, input, output, user settings and the log go there and nowhere else.
        packs: names below custom_nodes, and the folders or files that they stand for; only this pack by default.
        flags: further flags of ComfyUI's main.py.

    Raises:
        ComfyUINotFoundError: see find_comfyui.
        ComfyUIStartError: it ended, or did not answer in time; the message holds the end of its log.
    """
    comfyui = find_comfyui()
    custom_nodes = base_directory / "custom_nodes"
    custom_nodes.mkdir(parents=True, exist_ok=True)
    for name, target in (packs if packs is not None else {PACK_NAME: ROOT}).items():
        (custom_nodes / name).symlink_to(target)
    # The picture that LoadImage offers in every fresh installation; another base directory lacks it.
    example = comfyui / "input" / "example.png"
    if example.is_file():
        (base_directory / "input").mkdir(exist_ok=True)
        shutil.copy(example, base_directory / "input")
    port = _free_port()
    command = [sys.executable, "main.py", "--disable-api-nodes", "--port", str(port)]
    command += ["--base-directory", str(base_directory), "--database-url", "sqlite:///:memory:", *flags]
    log_path = base_directory / "comfyui.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=comfyui, stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Server(f"http://127.0.0.1:{port}", base_directory, process, log_path)
        _wait_until_ready(server)
        yield server
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Server) -> None:
    """Poll until the server answers: it opens its port only after every node pack is loaded."""
    deadline = time.monotonic() + START_SECONDS
    pause = threading.Event()
    with requests.Session() as session:
        session.trust_env = False  # a proxy in the environment must not see requests to this machine
        while time.monotonic() < deadline:
            server.check_alive()
            try:
                session.get(f"{server.url}/system_stats", timeout=5).raise_for_status()
            except requests.RequestException:
                pause.wait(0.1)
            else:
                return
    raise ComfyUIStartError(
        f"ComfyUI did not answer within {START_SECONDS:.0f} s; the end of its log:\n{server.log_tail()}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # native code in a step does not return to Python's signal handler
        process.wait()
