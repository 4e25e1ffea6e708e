"""The images that workers need which do not see the folders here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sweeper.errors import SweepError
from sweeper.grid_cells import list_cells
from sweeper.input_images import collect_images

Write = Callable[..., Path]
NODES = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
}


def save(path: Path, level: int) -> bytes:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4), (level, 0, 0)).save(path)
    return path.read_bytes()


def test_all_images_of_all_cells(write_grid: Write, load: Callable[..., Any], tmp_path: Path) -> None:
    content = {name: save(tmp_path / "input" / name, level) for name, level in (("a.png", 1), ("b.png", 2))}
    grid, workflows = load(write_grid("workflow: color.json\naxes: {1.image: [a.png, b.png]}", NODES))
    assert collect_images(list_cells(grid, workflows), workflows) == content


def test_two_images_of_one_name_are_refused(write_grid: Write, load: Callable[..., Any], tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"w{number}" / "a.png", number)
        (tmp_path / f"w{number}" / "w.json").write_text(json.dumps(NODES))
    text = "workflows: {one: w1/w.json, two: w2/w.json}\naxes: {2.filename_prefix: [x, y]}"
    grid, workflows = load(write_grid(text, NODES))
    with pytest.raises(SweepError, match=r"two workflows read different images called a\.png"):
        collect_images(list_cells(grid, workflows), workflows)
