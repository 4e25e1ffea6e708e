"""The folders of stack files: below ComfyUI's output folder, where stacks are saved, below its input folder, and ours.

The name of a stack file in the list of Load Stack is its path below one of these folders; names of files in the output
folder end with ' [output]', those of files that come with the pack with ' [example]'.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import folder_paths

from ...das_core.common.text import shorten
from ...das_core.stack.file import SUFFIX, save_stack
from ...das_core.stack.image_stack import ImageStack
from .folders import EXAMPLES, explain_write_error

STACKS = "stacks"
"""The folder of stack files, below ComfyUI's output folder and below its input folder."""

# ComfyUI marks the names of files in its output folder in this way. Names without a mark belong to the input folder.
_OUTPUT = " [output]"
_EXAMPLE = " [example]"


def save_new_stack(stack: ImageStack, prefix: str) -> str:
    """Save a stack with the next free number in its name; return the name that Load Stack lists."""
    try:
        while True:
            path = _choose_stack_path(prefix)
            try:
                save_stack(stack, path, replace=False)
            except FileExistsError:
                # Another process has saved under this number meanwhile.
                continue
            return _name_stack_file(path)
    except OSError as error:
        raise ValueError(explain_write_error(error, f"the stack '{shorten(prefix)}'")) from None


def _choose_stack_path(prefix: str) -> Path:
    """Return the path for the next stack with this prefix, and make its folder."""
    output = folder_paths.get_output_directory()
    _check_prefix(prefix, Path(output) / STACKS)
    # Joined by `Path`, so that the separators are the system's own: ComfyUI compares the result with absolute paths.
    folder, name, counter, _, _ = folder_paths.get_save_image_path(str(Path(STACKS) / prefix), output)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{SUFFIX}"


def _check_prefix(prefix: str, home: Path) -> None:
    """Raise a ValueError unless a prefix, which may begin with subfolders, names a file in a folder."""
    home = _resolve(home)
    usable = prefix.strip() and _is_encodable(prefix) and not prefix.endswith(("/", "\\"))
    if not usable or home not in _resolve(home / prefix).parents:
        raise ValueError(
            f"filename_prefix '{shorten(prefix)}' leaves the folder {home}, or names no file in it: write a name such "
            "as 'castle', or a subfolder and a name such as 'night/castle'"
        )


def _is_encodable(name: str) -> bool:
    """Return whether a name can be that of a file: not every system can encode all letters, none allows a null byte."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _name_stack_file(path: Path) -> str:
    """Return the name under which Load Stack lists a stack file of the output folder."""
    home = Path(folder_paths.get_output_directory()) / STACKS
    return path.relative_to(home).as_posix() + _OUTPUT


def list_stack_files() -> list[str]:
    """Return the names of all stack files of the input folder, of the output folder and ours, each newest first."""
    names = []
    for home, mark in _list_homes():
        times = {file: time for file in _find_files(home) if (time := _read_time(file)) is not None}
        names += [file.relative_to(home).as_posix() + mark for file in sorted(times, key=lambda file: -times[file])]
    return names


def _find_files(home: Path) -> Iterator[Path]:
    """Yield the paths in a folder and below it that end like those of stack files; unreadable folders are skipped."""
    # Unlike Path.rglob, os.walk goes on when a folder is gone or not readable, and it enters no links.
    for folder, _, names in os.walk(home):
        yield from (Path(folder, name) for name in names if name.endswith(SUFFIX))


def _read_time(file: Path) -> int | None:
    """Return when a file was last changed, in nanoseconds since 1970; None if it is not a regular file, or is gone."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns if stat.S_ISREG(found.st_mode) else None


def find_stack_file(name: str) -> Path:
    """Return the path of a stack file that `list_stack_files` lists; raise a ValueError for any other name."""
    known = isinstance(name, str) and name in list_stack_files()
    # The input folder comes last: its mark is '', with which every name ends.
    for home, mark in reversed(_list_homes()):
        if known and name.endswith(mark):
            path = _resolve(home / name.removesuffix(mark))
            if path.is_relative_to(_resolve(home)):
                return path
            break
    homes = " or ".join(str(home) for home, mark in _list_homes() if mark != _EXAMPLE)
    raise ValueError(
        f"no stack file '{shorten(name)}' lies in {homes}; save one with Save Stack, or put one there, and refresh"
    )


def read_stack_time(name: str) -> int:
    """Return when a stack file was last changed, in nanoseconds since 1970; 0 if there is no such file."""
    try:
        return _read_time(find_stack_file(name)) or 0
    except ValueError:
        return 0


def _resolve(path: Path) -> Path:
    """Return a path with its links resolved; unlike Path.resolve, raise no error when links form a circle."""
    return Path(os.path.realpath(path))


def _list_homes() -> list[tuple[Path, str]]:
    """Return the folders of stack files, each with the suffix that its files have in the list of Load Stack."""
    folders = (
        (folder_paths.get_input_directory(), ""),
        (folder_paths.get_output_directory(), _OUTPUT),
        (EXAMPLES, _EXAMPLE),
    )
    return [(Path(folder) / STACKS, mark) for folder, mark in folders]
