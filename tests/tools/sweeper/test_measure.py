"""The measurement of docs/sweeps.md, with few cells: that it runs, and says what it names."""

from pathlib import Path

from PIL import Image

from sweeper.measure import measure_parts


def test_the_parts_are_measured(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "1" / "a.png")
    row = {"cell": "0", "status": "ok", "seconds": 1.0, "pictures": ["a.png"], "DAS_Optimize.seed": 0}
    words = measure_parts(tmp_path, row, 300)
    assert words.startswith("300 cells of as many seeds, 64 workers that answer at once")
    assert len([line for line in words.splitlines() if line.startswith("| ")]) == 7
    assert "| checking and hashing all cells |" in words
