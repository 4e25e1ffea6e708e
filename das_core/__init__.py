"""Direct Ascent Synthesis in PyTorch, which the package `direct_ascent` shows to users."""

__version__ = "1.0.0"
