"""The command `direct-ascent`: what it makes, what it refuses without running anything, and its exit codes."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from das_core.atlas.command import main
from das_core.atlas.pictures import PictureMaker
from das_core.runs.cells import RunsStoppedError
from small_atlas import read_items

OWN = """
from pathlib import Path
Path("imported").touch()
from toys import classifier as make
number, lost = (lambda: 5), {}
"""
Capture = pytest.CaptureFixture[str]
ATLAS = ["atlas", "mine:make", "1", "--steps", "1", "--pictures", "more"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module that makes a model, in which the command is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def test_an_atlas_of_one_s_own_model(home: Path, capsys: Capture) -> None:
    assert main([*ATLAS, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("16 units in 1 layers of toy: about ")
    assert "\n  1: 16 units at 32 pixels, " in said
    assert not (home / "atlas").exists()
    for units, shown in (("2", [0, 1]), ("14-", [0, 1, 14, 15]), ("3, 5-6", [0, 1, 3, 5, 6, 14, 15])):
        assert main([*ATLAS, "--units", units]) == 0
        assert capsys.readouterr().out == f"{Path('atlas/index.html').resolve()}\n"
        assert list(read_items(home / "atlas")) == [f"1:{unit}" for unit in shown]


def test_a_picture(home: Path, capsys: Capture) -> None:
    assert main(["render", "mine:make", "1:3", "-o", "x.png", "--size", "32", "--recipe", "sketch"]) == 0
    assert capsys.readouterr().out == "x.png\n"
    assert Image.open(home / "x.png").size == (32, 32)


def test_wrong_names_run_nothing_and_are_named(home: Path, capsys: Capture) -> None:
    (home / "atlas").mkdir()
    names = "mine mine: :make mine.make mine:make() ./mine:make ..mine:make a..b:c timm/mine:make torchvision/mine:make"
    for name in [*names.split(), "mine: make", "", "\0", "x" * 9999, "lite3", "atlas", "-"]:
        assert main(["render", "--output", "x.png", "--", name, "3"]) == 2
        assert capsys.readouterr().err.startswith("direct-ascent: "), name
        assert not (home / "imported").exists()
    for name in ("mine:gone", "mine:lost", "mine.py:make", "mine:number", "gone:make", "math:pi"):
        assert main(["render", name, "3", "-o", "x.png"]) == 2
        assert capsys.readouterr().err.startswith("direct-ascent: "), name
    for more in (["--units", "0-99"], ["--units", "0"], ["--workers", "0"], ["--steps", "0"], ["--pictures", "huge"]):
        assert main([*ATLAS, *more]) == 2
        assert capsys.readouterr().err.startswith("direct-ascent: "), more
    assert main([*ATLAS, "--words", "mine:make", "--photos", "."]) == 2
    assert "is no CLIP" in capsys.readouterr().err
    assert not list((home / "atlas").iterdir())


def test_the_exit_code_says_how_it_ended(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, code, said in (
        (ValueError("no luck"), 3, "direct-ascent: 2 of 2 cells failed; --retry makes them again"),
        (RunsStoppedError("full"), 4, "direct-ascent: stopped: full; the same command goes on from there"),
        (KeyboardInterrupt(), 130, "direct-ascent: interrupted; what an atlas has is kept"),
    ):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(PictureMaker, "__call__", fail)
        assert main([*ATLAS, "--retry"]) == code
        assert said in capsys.readouterr().err
