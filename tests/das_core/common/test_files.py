import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest

from cases import each_case
from das_core.common.files import check_writable, write_atomically


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
