"""The command line that makes the pictures of the help pages."""

from pathlib import Path

import pytest
from PIL import Image

from generators import make_help_pictures


def test_every_help_page_has_a_picture_that_is_made_or_taken() -> None:
    pages = sorted(path.stem for path in make_help_pictures.DOCS.glob("*.md"))
    assert sorted([*make_help_pictures.PICTURES, *make_help_pictures.SCREENSHOTS]) == pages


def test_named_pictures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_help_pictures, "DOCS", tmp_path)
    assert make_help_pictures.main(["DAS_Schedule", "DAS_PatchMask"]) == 0
    paths = [tmp_path / node / "picture.jpg" for node in ("DAS_Schedule", "DAS_PatchMask")]
    assert [Image.open(path).width for path in paths] == [400, 400]
    sizes = [f"{path.parent.name}: {path.stat().st_size} bytes" for path in paths]
    assert capsys.readouterr().out.splitlines() == sizes


def test_a_node_without_a_picture_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_help_pictures.main(["DAS_Nothing"]) == 2
    assert "there is no picture for DAS_Nothing" in capsys.readouterr().err
