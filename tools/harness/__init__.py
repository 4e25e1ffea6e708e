"""Starts a real ComfyUI and its page, and controls both.

`tests/comfyui` and the generators of examples and blueprints use this package. Some of its functions
are used by the tests only: those that interrupt a workflow, free models, receive events, load a template, or press Run.
"""
