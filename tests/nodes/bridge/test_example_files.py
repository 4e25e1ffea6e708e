"""The pictures of example workflows, in ComfyUI's input folder."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from cases import each_case
from dead_drive import unplug
from loaded_pack import Pack

API = sorted((Path(__file__).resolve().parents[3] / "example_workflows" / "api").glob("*.json"))


@pytest.fixture
def examples(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.example_files")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: ModuleType) -> Path:
    """An input folder that does not exist yet, of a ComfyUI with a page."""
    monkeypatch.setattr(examples, "find_server", object)
    monkeypatch.setattr(examples.folder_paths, "get_input_directory", lambda: str(tmp_path / "input"))
    return tmp_path / "input"


def list_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_all_of_them_are_copied(examples: ModuleType, home: Path) -> None:
    examples.copy_example_files()
    assert list_files(home) == list_files(examples.EXAMPLES)
    assert len(list_files(home)) >= 3


def test_nothing_is_copied_where_there_is_no_page(
    examples: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "find_server", lambda: None)
    examples.copy_example_files()
    assert not home.exists()


def test_a_file_of_the_user_stays(examples: ModuleType, home: Path) -> None:
    name = min(list_files(examples.EXAMPLES))
    home.mkdir()
    (home / name).write_text("mine")
    examples.copy_example_files()
    assert (home / name).read_text() == "mine"
    assert len(list_files(home)) == len(list_files(examples.EXAMPLES))


def test_a_folder_that_cannot_be_made_is_a_warning(
    examples: ModuleType, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.write_text("a file where the folder should be")
    examples.copy_example_files()
    assert "cannot be copied" in caplog.text


def test_an_input_folder_on_a_drive_that_is_gone_is_a_warning(
    examples: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unplug(monkeypatch, home)
    examples.copy_example_files()
    assert "cannot be copied" in caplog.text


def test_another_process_that_copies_at_the_same_time_is_no_error(
    examples: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def copy_late(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"late")
        for path in examples.EXAMPLES.iterdir():
            if path.is_file():
                (home / path.name).write_bytes(b"first")

    home.mkdir()
    monkeypatch.setattr(examples.shutil, "copyfile", copy_late)
    examples.copy_example_files()
    assert set(list_files(home).values()) == {b"first"}
    assert not caplog.records


@each_case("path", API)
def test_examples_name_files_that_are_there(examples: ModuleType, path: Path) -> None:
    shipped = list_files(examples.EXAMPLES)
    for node in json.loads(path.read_text(encoding="utf-8")).values():
        if node["class_type"] == "LoadImage":
            assert node["inputs"]["image"] in shipped
        if node["class_type"] == "DAS_LoadStack":
            name, _, mark = node["inputs"]["file"].partition(" ")
            assert mark == "[example]"
            assert (examples.EXAMPLES / "stacks" / name).is_file()
