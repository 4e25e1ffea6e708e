"""ComfyUI's folders of models, and the pictures of example workflows in its input folder."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from cases import each_case
from dead_drive import unplug
from loaded_pack import Pack

KIND = "classifiers"


@pytest.fixture
def folders(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.folders")


@pytest.fixture
def paths(pack: Pack) -> Iterator[ModuleType]:
    """ComfyUI's module of folders, its list of them as before afterwards."""
    import folder_paths

    before = {kind: (list(paths), set(ends)) for kind, (paths, ends) in folder_paths.folder_names_and_paths.items()}
    yield folder_paths
    folder_paths.folder_names_and_paths.clear()
    folder_paths.folder_names_and_paths.update(before)
    folder_paths.filename_list_cache.clear()


def test_folders_are_made_beside_those_of_others_where_they_can_be(
    folders: ModuleType,
    paths: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    home, kinds = tmp_path / "models", paths.folder_names_and_paths
    kinds[KIND] = ([str(tmp_path)], {".onnx"})
    kinds.pop("open_clip")
    monkeypatch.setattr(paths, "models_dir", str(home))
    for _ in range(2):
        folders.register_folders()
        assert {path.name for path in home.iterdir()} == {KIND, "open_clip", "features", "taught"}
    weights = {".safetensors", ".pth", ".pt", ".bin", ".ckpt"}
    assert kinds[KIND] == ([str(tmp_path), str(home / KIND)], weights | {".onnx"})
    assert kinds["open_clip"][0] == [str(home / "open_clip")]
    assert weights <= kinds["open_clip"][1]
    assert (folders.find_model_folder(KIND), folders.find_model_folder("open_clip")) == (tmp_path, home / "open_clip")
    (tmp_path / "file").write_text("where a folder should be")
    monkeypatch.setattr(paths, "models_dir", str(tmp_path / "file"))
    folders.register_folders()
    assert f"the folder {tmp_path / 'file' / 'open_clip'} cannot be made" in caplog.text


def test_where_a_folder_cannot_be_listed_the_pack_loads_and_says_so(
    folders: ModuleType,
    paths: ModuleType,
    pack: Pack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (pack.classifiers / "drive").mkdir(parents=True)
    unplug(monkeypatch, pack.classifiers / "drive")
    paths.filename_list_cache.clear()
    assert folders.list_model_files(KIND) == []
    assert "the folders of classifiers cannot be listed" in caplog.text
    assert pack.node("DAS_LoadClassifier").define_schema().inputs


def test_only_checkpoints_are_found(folders: ModuleType, pack: Pack, classifier_folder: Path) -> None:
    for name in ("b.pth", "a.safetensors", "notes.txt", "sub/c.pt", "../outside.pth"):
        path = classifier_folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    listed = folders.list_model_files(KIND)
    assert listed == ["a.safetensors", "b.pth", "sub/c.pt"]
    assert [folders.find_model_file(KIND, name) for name in listed] == [classifier_folder / name for name in listed]
    for name in ("gone.pth", "notes.txt", "../outside.pth", "sub/../b.pth"):
        with pytest.raises(ValueError, match=r"no checkpoint '.*' lies in .*classifiers; put it there and refresh"):
            folders.find_model_file(KIND, name)
    (classifier_folder / "../outside.pth").unlink()


def test_folders_of_pictures_are_those_inside_the_input_folder(folders: ModuleType, home: Path) -> None:
    assert folders.list_picture_folders() == ["input"]
    for name in ("input/woods/1.JPG", "input/texts/1.txt", "input/empty.png/no", "input/0.png", "secret/1.png"):
        (path := home.parent / name).parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name, target in (("out", "../secret"), ("up", ".."), ("again", "woods"), ("loop", "loop"), ("gone", "no")):
        (home / name).symlink_to(target)
    assert folders.list_picture_folders() == ["input/again", "input/woods", "input"]
    assert folders.find_picture_folder("input") == home
    assert folders.find_picture_folder("input/woods") == home / "woods"
    others: list[Any] = ["input/out", "input/up", "input/../secret", "/", "", "woods", str(home), None, ["input"]]
    for name in others:
        with pytest.raises(ValueError, match=r"there are no pictures in '.*'; put them into a folder of .*input, ref"):
            folders.find_picture_folder(name)


@each_case("name", "direct-ascent", "direct_ascent.1(2)", "direct ascent", "präparat", "a#b")
def test_a_folder_from_which_the_page_gets_no_files_is_a_warning(
    folders: ModuleType, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.clear()
    folders.check_folder_name(name)
    # What the web server of ComfyUI looks for, and what it is asked for.
    found = web.StaticResource(f"/extensions/{name}", Path()).canonical == URL(f"/extensions/{name}").path_safe
    assert ("rename the folder" in caplog.text) != found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: ModuleType) -> Path:
    """An input folder that does not exist yet, of a ComfyUI with a page."""
    monkeypatch.setattr(folders, "find_server", object)
    monkeypatch.setattr(folders.folder_paths, "get_input_directory", lambda: str(tmp_path / "input"))
    return tmp_path / "input"


def list_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_without_a_page_nothing_is_copied(folders: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "find_server", lambda: None)
    folders.copy_example_files()
    assert not home.exists()


def test_examples_are_copied_and_a_file_of_the_user_stays(folders: ModuleType, home: Path) -> None:
    shipped = list_files(folders.EXAMPLES)
    home.mkdir()
    (home / min(shipped)).write_text("mine")
    folders.copy_example_files()
    assert list_files(home) == shipped | {min(shipped): b"mine"}
    assert len(shipped) >= 3


def test_an_input_folder_on_a_drive_that_is_gone_is_a_warning(
    folders: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unplug(monkeypatch, home)
    folders.copy_example_files()
    assert "cannot be copied" in caplog.text


def test_another_process_that_copies_at_the_same_time_is_no_error(
    folders: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def copy_late(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"late")
        for path in folders.EXAMPLES.iterdir():
            if path.is_file():
                (home / path.name).write_bytes(b"first")

    home.mkdir()
    monkeypatch.setattr(folders.shutil, "copyfile", copy_late)
    folders.copy_example_files()
    assert set(list_files(home).values()) == {b"first"}
    assert not caplog.records
