"""Atomic writing of files, and errors for folders that cannot be written to and for files that cannot be read."""

import errno
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from .text import shorten

try:
    import fcntl
except ImportError:  # On Windows, where a file that is open cannot be renamed, what a killed process leaves stays.
    fcntl = None  # type: ignore[assignment]

_PART = re.compile(r"\..{1,50}\.[0-9a-f]{8}\.part", re.DOTALL)


def find_cache_folder() -> Path:
    """Return the user's folder for files that are kept between processes, usually ~/.cache/torch/hub/direct_ascent."""
    return Path(torch.hub.get_dir(), "direct_ascent")


@contextmanager
def write_atomically(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends without an error, the file there is renamed to `path`. So
    nobody ever reads half a file. A link at `path` is replaced, and not the file that it leads to. Without `replace`, a
    file at `path` is a FileExistsError, also if another process has just made it. What processes that were killed have
    left in the folder is removed first."""
    if replace and os.path.exists(path):
        _check_mode(path.stat().st_mode, shorten(path.name))
    _remove_abandoned(path.parent)
    with _hold_part(path) as part:
        yield part
        if not part.stat().st_mtime:
            raise FileNotFoundError(errno.ENOENT, "nothing was written", str(part))
        if replace:
            os.replace(part, path)
        else:
            _move_to_free_path(part, path)


@contextmanager
def _hold_part(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside `path`, which is locked as long as the block runs and the process
    lives, so it has to be written to, and not replaced by another one; and remove it."""
    with ExitStack() as held:
        part: Path | None = None
        while part is None or (fcntl and not part.exists()):  # It was removed before it was locked.
            # A rename is a single step only within a file system. The name is unique: others may write to this path.
            part = path.with_name(f".{path.name[:50]}.{uuid.uuid4().hex[:8]}.part")
            if fcntl:
                file = held.enter_context(part.open("xb"))
                with suppress(OSError):  # Some file systems have no locks. Of their files nothing is ever removed.
                    fcntl.flock(file, fcntl.LOCK_EX)
                    os.utime(part, (0, 0))
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in a folder that no living process has locked."""
    for part in folder.glob(".*.part") if fcntl else ():
        with suppress(OSError):
            if _PART.fullmatch(part.name) and stat.S_ISREG(part.lstat().st_mode):
                with part.open("rb+") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()


def check_writable(path: Path | str) -> Path:
    """Return a path as a `Path`; raise a ValueError, before a long computation, when no file can be written there."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{shorten(path)} is no path; give a text such as 'folder/name.gif', or a pathlib.Path")
    path = Path(path)
    name = shorten(path.name or str(path))
    # Unlike `Path.is_dir`, this raises nothing for a path that is too long.
    if not os.path.isdir(path.parent):
        raise ValueError(f"there is no folder '{shorten(str(path.parent), 300)}' for '{name}'; make it first")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"no file can have the name '{name}' ({reason}); choose another one") from error
    else:
        _check_mode(mode, name)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"nothing can be written in '{path.parent}' ({error.strerror or error}); choose another folder"
        ) from error
    return path


@contextmanager
def explain_unreadable(path: Path) -> Iterator[None]:
    """Turn an OSError about a file that cannot be read into a ValueError whose message says what to do."""
    try:
        yield
    except OSError as error:
        advice = "choose another file" if isinstance(error, FileNotFoundError) else "check its permissions"
        raise ValueError(f"'{path}' cannot be read ({error.strerror or error}); {advice}") from error


def _check_mode(mode: int, name: str) -> None:
    """Raise a ValueError when what is at a path, by its mode and its name, is no file that can be replaced."""
    if stat.S_ISDIR(mode):
        raise ValueError(f"'{name}' is a folder; give the file another name")
    if not stat.S_ISREG(mode):
        raise ValueError(f"'{name}' is a device or a pipe, which would be replaced; give the file another name")


# The errors of file systems without hard links, such as those of memory cards and of some network drives.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def _move_to_free_path(source: Path, target: Path) -> None:
    """Move a file to a path where there is no file; raise FileExistsError if there is one."""
    try:
        # Unlike a rename, this fails if there is a file at the target.
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        source.unlink()
        return
    # Without links: an empty file, which cannot be made where there is a file, and stays if the process is killed now.
    target.touch(exist_ok=False)
    os.replace(source, target)
