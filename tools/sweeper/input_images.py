"""The images that cells read, for workers that have no access to the folders on the driver's machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.node_classes import get_node_class
from sweeper.cells import Cell
from sweeper.errors import SweepError
from sweeper.grid_cells import GridWorkflows


def collect_images(cells: Sequence[Cell], workflows: GridWorkflows) -> dict[str, bytes]:
    """Return the content of the files that LoadImage nodes read, by the file names that are set in these nodes.

    Raises:
        SweepError: two workflows read different images of the same name, which a worker could not tell apart.
    """
    images: dict[str, bytes] = {}
    for cell in cells:
        for node in workflows.build(cell.workflow, cell.settings).values():
            name = node.inputs.get("image")
            if node.class_type != "LoadImage" or not isinstance(name, str):
                continue
            path: Path = get_node_class(node).find(name)
            content = path.read_bytes()
            if images.setdefault(name, content) != content:
                raise SweepError(
                    f"two workflows read different images called {name}; rename one, or use --files shared"
                )
    return images
