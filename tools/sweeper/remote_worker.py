"""The class that Ray runs as an actor, and a function that Ray runs on every machine.

Ray sends the code of this module to the worker, so the module itself imports nothing from this project. The methods
of the class import what they need when they run on the worker.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

Answer = tuple[str, Any, dict[str, bytes]]
"""The kind of the answer, its content, and files by path. The content is the row of a cell if the kind is "row", the
worker's name if it is "ready", and an error message if it is "stop"."""


class RemoteWorker:
    """A process that runs cells, with models that stay loaded.

    Args:
        home: the folder of this repository; "" for the working directory that Ray's runtime environment has unpacked.
        plan: the plan of the sweep, as JSON.
        images: the input images by name, if the worker has no access to the folders of the driver; else None.
    """

    def __init__(self, home: str, plan: str, images: dict[str, bytes] | None) -> None:
        self._home, self._plan, self._images = home or os.getcwd(), plan, images
        self._runner: Any = None
        self._results = Path()

    def prepare(self) -> Answer:
        """Load the pack, and return ("ready", the name of the worker, {}) or ("stop", an error message, {}).

        The last item is empty because this answer has no files. `__init__` does not load the pack, because it could not
        return an error message.
        """
        # These folders come first in `sys.path`, because other versions of the packages in them may be installed.
        sys.path[:0] = [str(Path(self._home, "tools")), self._home]
        from dataclasses import replace

        from sweeper.cell_runner import CellRunner, name_worker
        from sweeper.errors import SweepError
        from sweeper.plan import Plan
        from sweeper.results_folder import ResultsFolder

        plan = Plan.from_json(self._plan)
        try:
            if self._images is not None:
                own = Path(tempfile.mkdtemp(prefix="sweep_"))
                (own / "input").mkdir()
                for name, content in self._images.items():
                    (own / "input" / name).parent.mkdir(parents=True, exist_ok=True)
                    (own / "input" / name).write_bytes(content)
                ResultsFolder(own / "results").claim(plan.name)
                plan = replace(
                    plan, results=str(own / "results"), input_folder=str(own / "input"), pack=self._home,
                    folders=dict.fromkeys(plan.folders, str(own / "input")),
                )  # fmt: skip
            self._results = Path(plan.results)
            name = name_worker()
            self._runner = CellRunner(plan, name)
        except SweepError as error:
            return "stop", f"a worker cannot start: {error}", {}
        return "ready", name, {}

    def run(self, task: str) -> Answer:
        """Run a cell, and return the kind of the answer, its content, and files by path.

        If the kind is "row", the content is the row of the cell in the table of results. If it is "stop", the sweep
        cannot go on, and the content is the reason. If the worker has no access to the folders of the driver, the files
        are the pictures of the cell, which are deleted on this machine. Otherwise there are no files.

        Args:
            task: the cell, as a `Task` in JSON.
        """
        from sweeper.errors import SweepStoppedError
        from sweeper.plan import Task

        try:
            row = self._runner.run(Task.from_json(task))
        except SweepStoppedError as error:
            return "stop", str(error), {}
        if self._images is None:
            return "row", row, {}
        files = {name: (self._results / name).read_bytes() for name in row.get("pictures") or []}
        for name in files:
            (self._results / name).unlink()
        return "row", row, files


def can_see(mark: str, content: str, home: str) -> bool:
    """Tell whether this machine has the file `mark` with this content, and the repository in `home`.

    Ray runs this function on every machine.
    """
    try:
        return Path(mark).read_text() == content and Path(home, "tools", "sweeper").is_dir()
    except OSError:
        return False
