"""The blueprint maker with stand-ins for ComfyUI and its page: command line, files, and exit code."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generators import make_blueprints
from generators.blueprint_spec import BLUEPRINTS, Blueprint
from generators.example_workflow import RoundTripError


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ComfyUI and no page: a blueprint is its name and its number of nodes, and Inpaint never succeeds."""

    @contextmanager
    def nothing(*_: object, **__: object) -> Iterator[None]:
        yield

    def make(page: object, prompt: Mapping[str, Any], blueprint: Blueprint) -> dict[str, Any]:
        if blueprint.name == "Inpaint":
            raise RoundTripError("Inpaint: inside is not what its example says")
        return {"name": blueprint.name, "nodes": len(prompt)}

    for name in ("start_comfyui", "start_chromium", "open_page"):
        monkeypatch.setattr(make_blueprints, name, nothing)
    monkeypatch.setattr(make_blueprints, "make", make)


@pytest.mark.usefixtures("stand_ins")
def test_one_that_does_not_say_what_its_example_says_makes_the_exit_code_1_and_the_others_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_blueprints.main(["--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "Inpaint: inside is not what its example says\n"
    made = {path.stem for path in tmp_path.glob("*.json")}
    assert made == {blueprint.name for blueprint in BLUEPRINTS} - {"Inpaint"}


@pytest.mark.usefixtures("stand_ins")
def test_names_choose_which_are_made_from_which_example(tmp_path: Path) -> None:
    assert make_blueprints.main(["Deep Dream", "--folder", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.json")
    made = json.loads(path.read_text(encoding="utf-8"))
    assert made["name"] == path.stem == "Deep Dream"
    assert made["nodes"] > 5


def test_an_unknown_name_is_an_error_that_lists_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_blueprints.parse_arguments(["Deep Dreams"])
    error = capsys.readouterr().err
    assert "no blueprint ['Deep Dreams']" in error
    assert "Style Transfer" in error
