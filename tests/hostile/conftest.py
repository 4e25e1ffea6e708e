"""The pack as ComfyUI loads it, and how long the attacks last.

Every test here takes its seeds and its number of attacks from `scale`: 1 by default, which takes half a minute in all;
HOSTILE_SCALE=100 is the long form.
"""

import os
import shutil
from collections.abc import Iterator

import pytest

from loaded_pack import Pack, load_pack_once, use_pack
from outcomes import Outcomes


@pytest.fixture(scope="session")
def scale() -> int:
    """How many times as many attacks as in the short form."""
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
