"""Measurements: `python -m benchmarks.run [section ...]` writes RESULTS.md."""
