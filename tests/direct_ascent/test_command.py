"""The command `direct-ascent`: what it makes, what it refuses without running anything, and its exit codes."""

import runpy
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from das_core.atlas.maker import PictureMaker
from das_core.runs.cells import RunsStoppedError
from direct_ascent.command import main
from small_atlas import read_items
from toys import draw

ATLAS = ["atlas", "mine:make", "1", "--steps", "1", "--pictures", "more"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is run, with a module that makes a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (tmp_path / "mine.py").write_text(
        "open('run', 'w')\nfrom toys import classifier as make\nfive, lost = lambda: 5, {}"
    )
    return tmp_path


def test_the_command_is_also_that_of_the_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["direct-ascent", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("direct_ascent", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("direct-ascent ")


def test_an_atlas_and_a_picture_by_one_s_own_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ATLAS, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("16 units in 1 layers of toy: about ")
    assert not (home / "atlas").exists()
    for units, shown in (("2", [0, 1]), ("14-", [0, 1, 14, 15]), ("3, 5-6", [0, 1, 3, 5, 6, 14, 15])):
        assert main([*ATLAS, "--units", units]) == 0
        assert list(read_items(home / "atlas")) == [f"1:{unit}" for unit in shown]
    assert main(["render", "mine:make", "1:3", "-o", "x.png", "--size", "32", "--recipe", "sketch"]) == 0
    assert capsys.readouterr().out.endswith(f"{(home / 'atlas' / 'index.html').resolve()}\nx.png\n")


def test_a_model_is_taught_and_the_same_command_reads_what_it_was(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "photographs").mkdir()
    for number, pixels in enumerate(draw(8, 40, 50, 3).clamp(0, 1)):
        Image.fromarray((255 * pixels).byte().numpy()).save(home / "photographs" / f"{number}.png")
    for _ in range(2):
        assert main(["teach", "mine:make", "photographs", "-o", "taught.safetensors", "--crops", "32"]) == 0
        said = capsys.readouterr()
        assert said.out == "taught.safetensors\n"
        assert said.err.count("  noise ") == 4
    assert main(["teach", "mine:make", "nowhere", "-o", "taught.safetensors"]) == 2
    assert "there is no folder of photographs 'nowhere'" in capsys.readouterr().err


def test_what_is_wrong_is_named_and_runs_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "atlas").mkdir()
    names = "mine mine: :make mine.make mine:make() ./mine:make ..mine:make a..b:c timm/mine:make torchvision/mine:make"
    wrong = [["atlas", name] for name in [*names.split(), "mine: make", "", "\0", "x" * 9999, "lite3", "atlas"]]
    run = [["atlas", name] for name in ("mine:gone", "mine:lost", "mine:five", "gone:make", "math:pi")]
    more = ["--units 0-99", "--units 0", "--workers 0", "--steps 0", "--pictures huge", "--words mine:make --photos ."]
    for arguments in [*wrong, *run, *([*ATLAS, *each.split()] for each in more)]:
        assert main(arguments) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("direct-ascent: "), arguments
        assert (home / "run").exists() == (arguments not in wrong)
    assert not list((home / "atlas").iterdir())


def test_the_exit_code_says_how_it_ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for error, code, said in (
        (ValueError("no luck"), 3, "direct-ascent: 2 of 2 cells failed; --retry makes them again"),
        (RunsStoppedError("full"), 4, "direct-ascent: stopped: full; the same command goes on from there"),
        (KeyboardInterrupt(), 130, "direct-ascent: interrupted; what is there is kept"),
    ):
        monkeypatch.setattr(PictureMaker, "__call__", Mock(side_effect=error))
        assert main([*ATLAS, "--retry"]) == code
        assert said in capsys.readouterr().err
