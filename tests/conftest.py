"""Settings that all tests share."""

import gc
import os
import tempfile

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


def pytest_collection_finish() -> None:
    """Exclude all that was imported for the tests from garbage collection: nodes collect often, and this would be
    searched each time."""
    gc.collect()
    gc.freeze()
