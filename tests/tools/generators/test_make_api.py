"""The command line that writes the frozen API of the nodes."""

import json
from pathlib import Path

import pytest

from generators import make_api


@pytest.fixture
def frozen(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the file, for the toy pack in place of the repository."""
    monkeypatch.setattr(make_api, "REPOSITORY", pack)
    monkeypatch.setattr(make_api, "FROZEN", tmp_path / "api.json")
    return tmp_path / "api.json"


def test_the_file_of_this_repository_is_found() -> None:
    assert (make_api.REPOSITORY / make_api.FROZEN).is_file()


def test_a_missing_file_is_written_and_stays_the_same(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_api.main([]) == 0
    assert capsys.readouterr().out == f"{frozen}\n"
    written = frozen.read_text(encoding="utf-8")
    assert json.loads(written)["TOY_Mix"]["inputs"] == {"images": "IMAGE at image0 to image3"}
    assert make_api.main([]) == 0
    assert frozen.read_text(encoding="utf-8") == written


def test_a_break_is_printed_and_written_only_on_demand(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_api.main([]) == 0
    now = frozen.read_text(encoding="utf-8")
    older = json.loads(now)
    older["TOY_Color"]["inputs"]["hue"] = "FLOAT"
    frozen.write_text(json.dumps(older), encoding="utf-8")
    capsys.readouterr()
    assert make_api.main([]) == 1
    assert capsys.readouterr().err.startswith("TOY_Color: the input hue is gone")
    assert json.loads(frozen.read_text(encoding="utf-8")) == older
    assert make_api.main(["--break"]) == 0
    assert frozen.read_text(encoding="utf-8") == now
