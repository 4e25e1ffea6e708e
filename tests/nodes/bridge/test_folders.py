"""ComfyUI's folders of models, and images that are saved when a run fails."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cases import each_case
from dead_drive import unplug
from loaded_pack import Pack

KIND = "classifiers"


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge")


@pytest.fixture
def paths(pack: Pack) -> Iterator[ModuleType]:
    """ComfyUI's module of folders, its list of them as before afterwards."""
    import folder_paths

    before = {kind: (list(paths), set(ends)) for kind, (paths, ends) in folder_paths.folder_names_and_paths.items()}
    yield folder_paths
    folder_paths.folder_names_and_paths.clear()
    folder_paths.folder_names_and_paths.update(before)
    folder_paths.filename_list_cache.clear()


@each_case("kind", ["classifiers", "open_clip"])
def test_a_kind_of_model_has_its_folder_and_its_extensions(
    bridge: ModuleType, paths: ModuleType, pack: Pack, kind: str
) -> None:
    paths.folder_names_and_paths.pop(kind)
    bridge.register_folders()
    folders, extensions = paths.folder_names_and_paths[kind]
    assert folders == [str(pack.home / "models" / kind)]
    assert {".safetensors", ".pth", ".pt", ".bin"} <= extensions
    assert bridge.find_model_folder(kind) == pack.home / "models" / kind


def test_what_was_fitted_is_kept_with_the_clips_unless_a_folder_is_registered_for_it(
    bridge: ModuleType, paths: ModuleType, pack: Pack, tmp_path: Path
) -> None:
    paths.folder_names_and_paths.pop("starter_clip", None)
    assert bridge.find_fitted_folder() == pack.clips
    paths.add_model_folder_path("starter_clip", str(tmp_path))
    assert bridge.find_fitted_folder() == tmp_path
    assert bridge.find_model_folder("open_clip") == pack.clips


def test_folders_are_there_from_the_first_start(
    bridge: ModuleType, paths: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "models_dir", str(tmp_path / "models"))
    bridge.register_folders()
    for kind in ("classifiers", "open_clip"):
        assert (tmp_path / "models" / kind).is_dir()
        (tmp_path / "models" / kind / "mine.pt").touch()
    bridge.register_folders()
    for kind in ("classifiers", "open_clip"):
        assert (tmp_path / "models" / kind / "mine.pt").is_file()


def test_where_no_folder_can_be_made_the_pack_starts_and_says_so(
    bridge: ModuleType,
    paths: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    monkeypatch.setattr(paths, "models_dir", str(tmp_path / "models"))
    bridge.register_folders()
    assert f"the folder {tmp_path / 'models' / 'open_clip'} cannot be made" in caplog.text


def test_where_a_folder_cannot_be_listed_the_pack_loads_and_says_so(
    bridge: ModuleType, paths: ModuleType, pack: Pack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (pack.classifiers / "drive").mkdir(parents=True)
    unplug(monkeypatch, pack.classifiers / "drive")
    paths.filename_list_cache.clear()
    assert bridge.list_model_files(KIND) == []
    assert "the folders of classifiers cannot be listed" in caplog.text
    assert pack.node("DAS_LoadClassifier").define_schema().inputs


def test_what_others_have_registered_stays_and_comes_first(
    bridge: ModuleType, paths: ModuleType, tmp_path: Path
) -> None:
    paths.folder_names_and_paths[KIND] = ([str(tmp_path)], {".onnx"})
    bridge.register_folders()
    bridge.register_folders()
    folders, extensions = paths.folder_names_and_paths[KIND]
    assert (folders[0], len(folders)) == (str(tmp_path), 2)
    assert {".onnx", ".safetensors"} <= extensions
    assert bridge.find_model_folder(KIND) == tmp_path


def test_checkpoints_are_listed_and_found_and_other_files_are_not(
    bridge: ModuleType, pack: Pack, classifier_folder: Path
) -> None:
    for name in ("b.pth", "a.safetensors", "notes.txt", "sub/c.pt"):
        path = classifier_folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    listed = bridge.list_model_files(KIND)
    assert listed == ["a.safetensors", "b.pth", "sub/c.pt"]
    assert [bridge.find_model_file(KIND, name) for name in listed] == [classifier_folder / name for name in listed]


@each_case("name", ["gone.pth", "notes.txt", "../outside.pth", "sub/../a.pth", "", "."])
def test_a_name_that_is_not_in_the_list_is_refused_even_if_it_leads_to_a_file(
    bridge: ModuleType, pack: Pack, classifier_folder: Path, name: str
) -> None:
    outside = classifier_folder.parent / "outside.pth"
    (classifier_folder / "sub").mkdir(exist_ok=True)
    for path in (outside, classifier_folder / "a.pth", classifier_folder / "notes.txt"):
        path.touch()
    with pytest.raises(ValueError, match=r"no checkpoint '.*' lies in .*classifiers; put it there and refresh"):
        bridge.find_model_file(KIND, name)
    outside.unlink()
