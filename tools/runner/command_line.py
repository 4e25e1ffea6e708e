"""Parts of the command lines of the tools: a parser whose errors fit on one line, folders, and errors of files."""

from __future__ import annotations

import argparse
import errno
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from repository import REPOSITORY
from runner.workflow_graph import WorkflowError

# The default and the meaning of each option that names a folder
_FOLDERS: dict[str, tuple[Path, str]] = {
    "output": (Path("output"), "where images go"),
    "input": (Path("input"), "where LoadImage looks, before it looks beside the workflow file"),
    "models": (Path("models"), "the folder used as ComfyUI's models folder"),
    "pack": (REPOSITORY, "the node pack"),
}

_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}


class Parser(argparse.ArgumentParser):
    """A parser that raises WorkflowError for a wrong command line, because the tools print that error on one line."""

    def error(self, message: str) -> NoReturn:
        """Raise WorkflowError instead of printing the usage and exiting."""
        raise WorkflowError(message)


def add_folders(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add options that name folders: some of 'output', 'input', 'models' and 'pack'."""
    for name in names:
        default, meaning = _FOLDERS[name]
        text = f"{meaning} (default: {'that of this tool' if default is REPOSITORY else default})"
        parser.add_argument(f"--{name}", type=Path, default=default, metavar="FOLDER", help=text)


def explain_storage_error(error: OSError) -> str:
    """Return the message for an OSError: the file and the reason, and for frequent errors what to do."""
    reason = error.strerror or str(error)
    what = f"{error.filename}: {reason}" if error.filename else reason
    if error.errno in _SPACE:
        return f"{what}; free some space there, or choose another folder with --output"
    if error.errno in _RIGHTS:
        return f"{what}; make it readable and writable, or choose another folder with --output, --input or --models"
    if error.errno == errno.ENAMETOOLONG:
        return f"{what}; use a shorter filename_prefix"
    return what
