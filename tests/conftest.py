"""Settings that all tests share."""

from hypothesis import settings

# The same examples every time, and no verdict on how long one takes.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
