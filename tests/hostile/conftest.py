"""Fixtures of the hostile tests: the pack as ComfyUI loads it, the number of attacks, and the counts of their outcomes.

The number of attacks of every test is multiplied by `scale`. By default `scale` is 1 (the short form), with which all
hostile tests together take half a minute. HOSTILE_SCALE=100 is the long form.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaded_pack import Pack, load_pack_once, use_pack
from outcomes import Outcomes


@pytest.fixture(scope="session")
def scale() -> int:
    """The factor of the number of attacks: 1 in the short form, 100 in the long form."""
    return max(1, int(os.environ.get("HOSTILE_SCALE", "1")))


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """The pack, loaded once."""
    with load_pack_once(tmp_path_factory.mktemp("hostile")) as pack:
        yield pack


@pytest.fixture
def pack(loaded: Pack) -> Iterator[Pack]:
    """The loaded pack; what a test saves is gone afterwards."""
    with use_pack(loaded):
        yield loaded
    for folder in ("output", "input"):
        shutil.rmtree(loaded.home / folder, ignore_errors=True)


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """The counts of the outcomes of a test, printed after it (see `-rP`); it fails if an outcome is not allowed."""
    counted = Outcomes()
    yield counted
    print(f"{request.node.name}: {counted}")
    for message, count in counted.messages.most_common():
        print(f"  {count} x {message}")
    assert not counted.problems, "\n\n".join(counted.problems[:20])


@pytest.fixture
def toy_pack(tmp_path: Path) -> Path:
    """The folder of the toy pack, whose nodes take no time."""
    (tmp_path / "toy_pack").mkdir()
    shutil.copy(Path(__file__).parents[1] / "tools" / "toy_nodes.py", tmp_path / "toy_pack" / "__init__.py")
    return tmp_path / "toy_pack"
