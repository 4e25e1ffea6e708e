"""Quick atlases of a toy: one picture of one step of each unit."""

import json
from pathlib import Path
from typing import Any

import direct_ascent as da
from toys import classifier

TOY = classifier()


def make_atlas(path: Path, model: Any = TOY, layers: Any = "1", units: Any = "0-3", **settings: Any) -> dict[str, Any]:
    """Make an atlas in a folder, by `da.atlas`, and return the items of its page by their ids."""
    quick: dict[str, Any] = {"pictures": "more", "steps": 1, "progress": False}
    da.atlas(model, layers, units, path=path, **quick | settings)
    return read_items(path)


def read_items(path: Path) -> dict[str, Any]:
    return {item["id"]: item for item in json.loads((path / "manifest.json").read_text()).get("items", [])}


def list_rows(path: Path) -> dict[str, int]:
    """Return when each cell of an atlas was finished."""
    return {row.parent.name: row.stat().st_mtime_ns for row in path.glob("cells/*/*/row.json")}
