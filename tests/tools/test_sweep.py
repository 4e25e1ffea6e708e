"""The command line of sweeps: what it refuses, its exit codes, and Ctrl-C and kills on a real Ray of this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("ray")
pytest.importorskip("jinja2")

import sweep
from cases import each_case
from das_core.runs import engine
from das_core.runs.engine import list_results_here
from das_core.runs.results import Results
from repository import REPOSITORY
from sweep_grids import COLOR, FAILING

PROCESS_SECONDS = 600.0  # time limit for a process; a busy machine takes long to start Ray and to import PyTorch
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, pack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """A function that runs the command line on a grid of 12 cells in an empty directory, without Ray."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "list_results", list_results_here)
    Path("color.json").write_text(json.dumps(COLOR))
    Path("grid.yaml").write_text("workflow: color.json\naxes: {1.level: {from: 0, to: 1, count: 12}}")

    def run(*arguments: str) -> tuple[int, str, str]:
        given = ["--pack", str(pack)] if arguments and "--pack" not in arguments else []
        code = sweep.main([*arguments, *given])
        return code, *capsys.readouterr()

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield run
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@each_case(
    ("arguments", "message"),
    ([], "sweep: the following arguments are required: grid"),
    (["grid.yaml", "--workers", "0"], "sweep: argument --workers: 0 is below 1"),
    (["none.yaml"], "sweep: cannot read none.yaml: No such file or directory"),
    (["grid.yaml", "--pack", "empty"], "sweep: no node pack in {home}/empty: it has no __init__.py"),
    (["grid.yaml", "--show"], "sweep: no results in {home}/output/sweeps/grid; run the sweep without --show"),
    (["grid.yaml", "--address", "127.0.0.1:1"], "sweep: --pack with --address: only this repository is sent"),
)
def test_a_wrong_command_line_is_one_line(run: Run, arguments: list[str], message: str) -> None:
    Path("empty").mkdir(exist_ok=True)
    code, _, err = run(*arguments)
    assert code == 2
    assert err.splitlines()[-1].startswith(message.format(home=Path.cwd()))


def test_problems_of_a_grid_and_missing_packages_are_lines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("grid.yaml").write_text("workflow: color.json\naxes: {1.level: [0, 2], 1.size: [99, big]}")
    code, _, err = run("grid.yaml")
    assert code == 2
    assert sorted(line.split(" (")[0] for line in err.splitlines()) == ["sweep: node 1"] * 2
    assert sorted(path.name for path in Path("output/sweeps/grid").iterdir()) == [".lock", "run.json"]
    monkeypatch.setattr(sweep, "PACKAGES", ("no_such_module",))
    assert run("grid.yaml")[::2] == (2, "sweep: packages are missing: no_such_module; 'make sweep' installs them\n")


def test_a_dry_run_lists_measures_and_keeps_nothing(run: Run) -> None:
    Path("grid.yaml").write_text("workflow: color.json\naxes: {1.level: {from: 0, to: 1, count: 30}}")
    code, out, _ = run("grid.yaml", "--dry-run", "--workers", "4")
    said = out.splitlines()
    assert (code, said[0], said[13], len(said)) == (0, "30 cells:", "  … 6 more", 28)
    assert ("1.level=0.0" in said[1], "1.level=1.0" in said[25]) == (True, True)
    assert said[-1].startswith("30 cells on 4 workers (")
    assert sorted(path.name for path in Path().iterdir()) == ["color.json", "grid.yaml"]
    Path("color.json").write_text(json.dumps(FAILING))
    assert "sweep: the first cell fails: node 3 (TOY_Fail): no class 'tabbi'" in run("grid.yaml", "--dry-run")[2]


def test_a_grid_that_grows_computes_what_is_new_and_shows_everything(run: Run) -> None:
    assert run("grid.yaml")[0] == 0
    Path("grid.yaml").write_text("workflow: color.json\naxes: {1.level: {from: 0, to: 1, count: 12}, 1.size: [8, 4]}")
    code, out, err = run("grid.yaml")
    assert code == 0
    assert "24 cells, 12 done before, 12 to do" in err
    sheet, page = map(Path, out.splitlines())
    assert (sheet.name, page.name) == ("sheet.png", "index.html")
    assert page.read_text(encoding="utf-8").count('"Workflow (JSON)"') == 24
    page.unlink()
    assert run("grid.yaml", "--show")[:2] == (0, out)
    assert page.is_file()


def test_cells_that_fail_are_counted(run: Run) -> None:
    Path("color.json").write_text(json.dumps(FAILING))
    assert run("grid.yaml")[0] == 3
    code, _, err = run("grid.yaml", "--retry")
    assert (code, "0 done before, 12 to do" in err) == (3, True)
    assert err.endswith("0 cells done, 12 failed: see the page for messages; --retry runs them again\n")


def test_a_second_sweep_is_refused_before_its_rehearsal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearse = Mock(return_value=12)
    monkeypatch.setattr("sweeper.session.rehearse", rehearse)
    with Results(Path("output/sweeps/grid")).claim("grid"):
        code, _, err = run("grid.yaml")
    assert (code, rehearse.call_count, "another run is at work in" in err) == (2, 0, True)
    assert (run("grid.yaml")[0], rehearse.call_count) == (0, 1)


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Mock(side_effect=OSError(28, "No space left on device", "sheet.png"))
    monkeypatch.setattr("sweeper.session.Session.show", full)
    code, _, err = run("grid.yaml")
    assert code == 4
    assert err.splitlines()[-1].startswith("sweep: stopped: No space left on device (sheet.png); make room, or move ")


@contextmanager
def start(command: list[Any], folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """Start a process; it is killed when the test ends in between, which would wait for it for ever."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", done: Callable[[], bool]) -> None:
    until = time.monotonic() + PROCESS_SECONDS
    while process.poll() is None and not done():
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def test_a_kill_then_ctrl_c_then_the_same_command_to_the_end(run: Run, tmp_path: Path, pack: Path) -> None:
    """On a real Ray, which a killed driver cannot end, and whose processes get the Ctrl-C of the terminal too."""
    slow, results = tmp_path / "slow pack", tmp_path / "results"
    shutil.copytree(pack, slow)
    text = (slow / "__init__.py").read_text()
    # In workers alone: the driver, which tries the nodes first, has not imported Ray yet.
    pause = "'ray' in __import__('sys').modules and __import__('time').sleep(0.2)"
    (slow / "__init__.py").write_text(text.replace("bar = comfy", f"{pause}\n        bar = comfy"))
    (tmp_path / "grid.yaml").write_text("workflow: color.json\naxes: {1.level: {from: 0, to: 1, count: 24}}")
    command: list[Any] = [sys.executable, REPOSITORY / "tools" / "sweep.py", "grid.yaml", "--workers", "1"]
    command += ["--pack", slow, "--results", results]

    def count() -> int:
        return len(list(results.glob("cells/*/*/row.json")))

    with start(command, tmp_path) as process:
        wait_for(process, lambda: count() > 0)
        process.kill()
        _, err = process.communicate(timeout=PROCESS_SECONDS)
    assert process.returncode == -signal.SIGKILL, err
    first = count()
    assert 1 <= first < 24
    with start(command, tmp_path) as process:
        wait_for(process, lambda: count() > first)
        # To the whole group, as a terminal does; three times, out of impatience.
        for _ in range(3):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                threading.Event().wait(0.4)
        _, err = process.communicate(timeout=PROCESS_SECONDS)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "sweep: interrupted; what is done is kept, and the same command goes on from there"
    assert "Traceback" not in err
    second = count()
    assert first < second < 24
    # The rest in this process, without Ray.
    code, out, err = run("grid.yaml", "--results", str(results))
    assert (code, count()) == (0, 24)
    assert f"24 cells, {second} done before, {24 - second} to do" in err
    assert [Path(line).name for line in out.splitlines()] == ["sheet.png", "index.html"]
