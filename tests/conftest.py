"""Settings that all tests share."""

import gc
import os
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# The same examples every time, and no verdict on how long one takes.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# What is kept between processes is not the user's own: tests find nothing there that they have not made, and leave
# nothing behind. The processes of pytest-xdist share the folder of the process that started them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    # Held, so that it is removed when Python ends.
    _CACHE = tempfile.TemporaryDirectory(prefix="torch_home_")
    os.environ["TORCH_HOME"] = _CACHE.name


FIRST = ("benchmarks", "hostile", "tools", "integration")
"""The tests of these folders are slow: whole ascents, notebooks and servers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests by `FIRST`: a slow file that is the last of one process would keep the others waiting."""
    tests = Path(__file__).parent

    def find_place(item: pytest.Item) -> int:
        path = item.path.relative_to(tests).as_posix()
        return next((place for place, name in enumerate(FIRST) if path.startswith(name)), len(FIRST))

    items.sort(key=find_place)


_paths: set[Path] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed torch before each test; before the first of a file, exclude all that exists from later garbage collections.

    With the seed, `torch.rand` without a generator gives a test the same numbers in every order of the tests.

    ComfyUI and the nodes collect garbage often. Each time, the imported modules would be searched too, for 0.3 s.
    A test that looks for leaks has to make its objects itself: a cycle that exists before it is never freed, and
    `gc.get_objects` does not list it.
    """
    torch.manual_seed(0)
    if item.path not in _paths:
        _paths.add(item.path)
        gc.collect()
        gc.freeze()
