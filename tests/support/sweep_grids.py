"""Workflows of the toy pack for sweeps, and a function for cells."""

import os
import signal
from pathlib import Path
from typing import Any

from das_core.runs.cells import Row

COLOR: dict[str, Any] = {
    "1": {"class_type": "TOY_Color", "inputs": {"size": 8, "level": 0.5}, "_meta": {"title": "Colour"}},
    "2": {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": "color"},
        "_meta": {"title": "Save Image"},
    },
}
"""A workflow that saves one picture of one colour."""

FAILING: dict[str, Any] = COLOR | {
    "3": {"class_type": "TOY_Fail", "inputs": {"kind": "value", "after": ["1", 0]}, "_meta": {"title": "Fail"}}
}
"""A workflow that saves its picture and then fails, as `kind` says."""


def act(task: tuple[str, str], folder: Path) -> Row:
    """Run a cell of no workflow: do what the first part of the task says; the second is a folder for notes."""
    what, notes = task
    count = len(list(Path(notes).glob(f"{what}*")))
    Path(notes, f"{what}{count}").touch()
    if what == "fail":
        raise ValueError("no such luck")
    if what == "die" or (what == "die once" and count == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "inner").mkdir()
    (folder / "inner" / "note.txt").write_text(what)
    return {"pictures": ["inner/note.txt"], "attempts": count + 1}
