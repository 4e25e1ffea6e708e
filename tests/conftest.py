"""Settings that all tests share."""

import os
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same examples every time, and no verdict on how long one takes.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# What is kept between processes is not the user's own: tests find nothing there that they have not made, and leave
# nothing behind. Held, so that it is removed when Python ends.
_CACHE = tempfile.TemporaryDirectory(prefix="torch_home_")
os.environ["TORCH_HOME"] = _CACHE.name


@pytest.fixture(autouse=True)
def folder_for_what_is_fitted() -> Iterator[None]:
    """Leave no folder registered: a run of a workflow in this process registers one, which other tests would use."""
    yield
    folder_paths = sys.modules.get("folder_paths")
    if folder_paths is not None:
        folder_paths.folder_names_and_paths.pop("starter_clip", None)
