import errno
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from cases import each_case
from das_core.common.files import check_writable, write_atomically
from repository import REPOSITORY


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_hidden_file_beside_the_file_takes_its_place_when_the_block_ends(tmp_path: Path) -> None:
    # The longest name that a file may have.
    path = tmp_path / ("a" * 251 + ".png")
    for old, new in ((None, b"first"), (b"first", b"second")):
        with write_atomically(path) as part:
            # One rename replaces a file only within a file system.
            assert part.parent == tmp_path
            assert part.name.startswith(".aaa")
            part.write_bytes(new)
            assert (path.read_bytes() if path.exists() else None) == old
        assert path.read_bytes() == new
        assert names_in(tmp_path) == [path.name]


@each_case("error", RuntimeError, KeyboardInterrupt, GeneratorExit)
@each_case("old", None, "old")
@each_case("new", None, "half of the n")
def test_a_block_that_raises_changes_nothing_and_leaves_nothing(
    tmp_path: Path, error: type[BaseException], old: str | None, new: str | None
) -> None:
    path = tmp_path / "scores.txt"
    if old is not None:
        path.write_text(old)

    def write_and_fail() -> None:
        with write_atomically(path) as part:
            if new is not None:
                part.write_text(new)
            raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        write_and_fail()
    assert [file.read_text() for file in tmp_path.iterdir()] == ([] if old is None else [old])


def test_of_two_writers_of_one_path_each_leaves_a_whole_file_and_the_last_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "scores.txt"
    with ExitStack() as outer, ExitStack() as inner:
        slow, quick = (stack.enter_context(write_atomically(path)) for stack in (outer, inner))
        slow.write_text("from the slow one")
        quick.write_text("from the quick one")
        inner.close()
        assert path.read_text() == "from the quick one"
        outer.close()
    assert path.read_text() == "from the slow one"
    assert names_in(tmp_path) == ["scores.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not rename a file that is open")
def test_a_write_removes_what_killed_processes_have_left_and_no_file_of_another_that_lives(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.append({str(REPOSITORY)!r})
from pathlib import Path
from das_core.common.files import write_atomically
with write_atomically(Path({str(tmp_path)!r}, sys.argv[1])) as part:
    part.write_text("half")
    print(part.name, flush=True)
    sys.stdin.read()
    part.write_text("whole")
"""
    with ExitStack() as stack:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        living, killed = (
            stack.enter_context(subprocess.Popen([sys.executable, "-c", code, name], **pipes))
            for name in ("living.txt", "killed.txt")
        )
        parts = {process: (process.stdout or io.StringIO()).readline().strip() for process in (living, killed)}
        own = stack.enter_context(write_atomically(tmp_path / "own.txt"))
        own.write_text("whole")
        assert {*names_in(tmp_path)} == {*parts.values(), own.name}
        killed.kill()
        killed.wait()
        others = [".bashrc", "film.0a1b2c3d.part", ".film.part", ".link.0a1b2c3d.part", ".pipe.0a1b2c3d.part"]
        for name in others[:3]:
            (tmp_path / name).touch()
        (tmp_path / others[3]).symlink_to(tmp_path / ".bashrc")
        os.mkfifo(tmp_path / others[4])
        with write_atomically(tmp_path / "next.txt") as part:
            part.write_text("whole")
        assert {*names_in(tmp_path)} == {parts[living], own.name, "next.txt", *others}
        living.communicate("")
    assert {*names_in(tmp_path)} == {"living.txt", "own.txt", "next.txt", *others}
    assert (tmp_path / "living.txt").read_text() == "whole"


def test_writers_that_come_and_go_remove_no_file_of_each_other(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(60):
            with write_atomically(tmp_path / f"{number}.txt") as part:
                part.write_text("whole")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert {path.read_text() for path in tmp_path.iterdir()} == {"whole"}
    assert len(names_in(tmp_path)) == 8


def refuse(source: Path, target: Path) -> None:
    """What os.link does on a memory card."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(target))


@each_case("links", True, False)
def test_of_many_writers_that_replace_nothing_one_wins_each_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    together = Barrier(8)

    def write(number: int) -> int:
        together.wait()
        won = 0
        for path in (tmp_path / f"{name}.txt" for name in range(20)):
            try:
                with write_atomically(path, replace=False) as part:
                    part.write_text(str(number) * 10_000)
                won += 1
            except FileExistsError:
                pass
        return won

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 20
    assert {len(set(path.read_text())) for path in tmp_path.iterdir()} == {1}
    assert len(names_in(tmp_path)) == 20


def test_what_cannot_be_written_or_renamed_is_an_error_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), write_atomically(path):
        pass
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError), write_atomically(path) as part:
        part.write_text("new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@each_case(
    ("path", "says"),
    (7, "^7 is no path; give a text such as 'folder/name.gif'"),
    ("a" * 300 + ".gif", r"no file can have the name 'a+…' \(File name too long\); choose another"),
    ("a\0b.gif", r"no file can have the name 'a.b\.gif' \(.*null.*\); choose another"),
    ("\ud800.gif", r"no file can have the name '\\ud800\.gif' \(.*surrogates.*\); choose another"),
    ("a" * 300 + "/b.gif", "there is no folder '.*aaa…' for 'b.gif'; make it first"),
    ("folder", "'folder' is a folder; give the file another name"),
    ("pipe.gif", "'pipe.gif' is a device or a pipe, which would be replaced"),
)
def test_a_path_that_no_file_can_have_is_refused_before_the_work(tmp_path: Path, path: object, says: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.gif")
    with pytest.raises(ValueError, match=says):
        check_writable(f"{tmp_path}/{path}" if isinstance(path, str) else path)  # type: ignore[arg-type]
    assert check_writable(str(tmp_path / "a.gif")) == tmp_path / "a.gif"
    assert names_in(tmp_path) == ["folder", "pipe.gif"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no folder that refuses files to everybody")
def test_a_folder_that_takes_no_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"nothing can be written in '/proc/self' \(.+\); choose another folder"):
        check_writable(Path("/proc/self/a.gif"))
