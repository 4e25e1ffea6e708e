"""A real ComfyUI and its page, started and driven by a program."""
