"""The command line of sweeps: what it refuses, its exit codes, and Ctrl-C on a real Ray of this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytest.importorskip("pyarrow")

import sweep
from cases import each_case
from repository import REPOSITORY

PROCESS_SECONDS = 600.0
"""The time limit for a process; a busy machine takes long to start Ray and to import PyTorch."""

NODES = {
    "1": {"class_type": "TOY_Color", "inputs": {"size": 8, "level": 0.5}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "color"}},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a grid of 12 cells."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "color.json").write_text(json.dumps(NODES))
    (tmp_path / "grid.yaml").write_text("workflow: color.json\naxes: {1.level: {from: 0, to: 1, count: 12}}")
    return tmp_path


@each_case(
    ("arguments", "message"),
    [
        ([], "sweep: the following arguments are required: grid"),
        (["grid.yaml", "--workers", "0"], "sweep: argument --workers: 0 is below 1"),
        (["grid.yaml", "--no-such"], "sweep: unrecognized arguments: --no-such"),
        (["none.yaml"], "sweep: cannot read none.yaml: No such file or directory"),
        (["grid.yaml", "--pack", "empty"], "sweep: no node pack in {home}/empty: it has no __init__.py"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    Path("empty").mkdir(exist_ok=True)
    assert sweep.main(arguments) == 2
    assert capsys.readouterr().err == message.format(home=home) + "\n"


def test_every_problem_of_a_grid_is_a_line(home: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("grid.yaml").write_text("workflow: color.json\naxes: {1.level: [0, 2], 1.size: [99, big]}")
    assert sweep.main(["grid.yaml", "--pack", str(pack)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("sweep: node 1 (TOY_Color): ") for line in lines)
    assert not Path("output").exists()


def test_a_dry_run_prints_and_writes_nothing(home: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.main(["grid.yaml", "--pack", str(pack), "--dry-run", "--workers", "4"]) == 0
    assert "12 cells on 4 workers" in capsys.readouterr().out
    assert sorted(path.name for path in home.iterdir()) == ["color.json", "grid.yaml"]


def test_a_missing_package_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep, "PACKAGES", {"no_such_module": "no-such-package"})
    assert sweep.main(["grid.yaml"]) == 2
    assert capsys.readouterr().err == "sweep: a package is missing: pip install no-such-package, or make sweep\n"


def test_signals_are_handled_as_before_afterwards(home: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    sweep.main([])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_ctrl_c_does_not_cut_off_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ended = []

    def run(_: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in before:
                signal.raise_signal(number)
            ended.append(True)
        return 0

    monkeypatch.setattr(sweep, "_run_command", run)
    try:
        assert sweep.main([]) == 130
        signal.raise_signal(signal.SIGINT)  # while Python ends
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended
    assert capsys.readouterr().err.endswith("what is done is kept, and the same command goes on from there\n")


@each_case("place", ["show", "run"])
def test_a_full_disk_is_one_line_wherever_it_is_noticed(
    home: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device", "sheet.png")

    monkeypatch.setattr("sweeper.session.Session.run", lambda _: (12, 0))
    monkeypatch.setattr(f"sweeper.session.Session.{place}", fill)
    assert sweep.main(["grid.yaml", "--pack", str(pack)]) == 4
    assert capsys.readouterr().err.splitlines()[-1] == (
        "sweep: stopped: nothing more can be written: No space left on device (sheet.png); make room, then start "
        "again; what is done is kept, and the same command goes on from there"
    )


def test_ctrl_c_and_the_same_command_again(home: Path, pack: Path) -> None:
    """On a real Ray, whose processes get the Ctrl-C of the terminal too."""
    slow = home / "slow pack"
    shutil.copytree(pack, slow)
    text = (slow / "__init__.py").read_text()
    (slow / "__init__.py").write_text(
        text.replace("bar = comfy", "__import__('time').sleep(0.05)\n        bar = comfy")
    )
    command = [
        sys.executable,
        str(REPOSITORY / "tools" / "sweep.py"),
        "grid.yaml",
        "--pack",
        str(slow),
        "--workers",
        "1",
    ]
    journals = home / "output" / "sweeps" / "grid" / "journal"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        watchdog = threading.Timer(PROCESS_SECONDS, process.kill)
        watchdog.start()
        try:
            while process.poll() is None and not any(file.stat().st_size for file in journals.glob("*.jsonl")):
                threading.Event().wait(0.02)
            # To the whole group, as a terminal does.
            # Three times, out of impatience.
            for _ in range(3):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                    threading.Event().wait(0.4)
            _, err = process.communicate(timeout=PROCESS_SECONDS)
        finally:
            watchdog.cancel()
            process.kill()
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "sweep: interrupted; what is done is kept, and the same command goes on from there"
    assert "Traceback" not in err
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROCESS_SECONDS)
    assert again.returncode == 0, again.stderr
    first, *_ = again.stderr.splitlines()
    known = int(first.split(" cells, ")[1].split(" have a row")[0])
    assert 1 <= known < 12, first
    assert f"{12 - known} to do" in first
    assert again.stderr.splitlines()[-1].startswith(f"{12 - known} done, 0 failed, 0 left")
    assert [Path(line).name for line in again.stdout.splitlines()] == ["sheet.png", "index.html"]
    assert not list(journals.iterdir())
