"""Fixtures for tests of the nodes: `pack`, which is loaded once for all of them, and models that come with it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from loaded_pack import Pack, Toy, load_pack_once, use_pack
from running_node import Running, set_running


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """The pack, loaded once."""
    with load_pack_once(tmp_path_factory.mktemp("comfyui")) as pack:
        yield pack


@pytest.fixture
def pack(loaded: Pack) -> Iterator[Pack]:
    """The loaded pack, with its own folders, and no interrupt left over."""
    with use_pack(loaded):
        yield loaded


@pytest.fixture
def bridge(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge")


@pytest.fixture
def running(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The node that ComfyUI is said to be running, with a server."""
    return set_running(pack, monkeypatch)


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
    with use_pack(loaded):
        return loaded.run("DAS_LoadCLIP", source={"source": "starter"})[0]


@pytest.fixture
def saved_stacks(pack: Pack) -> Iterator[Path]:
    """The folder of stacks in ComfyUI's output folder, gone before and afterwards like that of the input folder."""

    def clear() -> None:
        for folder in (pack.output, pack.home / "input"):
            shutil.rmtree(folder / "stacks", ignore_errors=True)

    # A run that fails in any test saves what it has reached there.
    clear()
    yield pack.output / "stacks"
    clear()


@pytest.fixture
def classifier_folder(pack: Pack) -> Iterator[Path]:
    """ComfyUI's folder of classifiers, empty before and after."""
    pack.classifiers.mkdir(parents=True, exist_ok=True)
    yield pack.classifiers
    shutil.rmtree(pack.classifiers)


@pytest.fixture
def set_free_memory(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that sets how many bytes ComfyUI finds free on every device, for the rest of the test."""
    memory = pack.module("nodes.bridge.memory").mm
    return lambda count: monkeypatch.setattr(memory, "get_free_memory", lambda device=None: count)
