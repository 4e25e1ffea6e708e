"""A real ComfyUI and its page, started and driven by a program.

The harness serves `tests/comfyui` and the generators of example workflows. Some of it only the tests use: interrupting
and freeing, the stream of events, and loading templates, exporting and pressing Run on the page.
"""
