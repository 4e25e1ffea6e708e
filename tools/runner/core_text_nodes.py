"""The core nodes for text, as in ComfyUI 0.8.0: PreviewAny and PrimitiveStringMultiline."""

from __future__ import annotations

import json
from typing import Any


class PreviewAny:
    """Shows any value as text."""

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare one input of any type."""
        return {"required": {"source": ("*", {})}}

    def show(self, source: object) -> dict[str, dict[str, tuple[str]]]:
        """Return a value as text: lists, tuples and mappings as JSON if that is possible, all other values by `str`."""
        if source is None or isinstance(source, str | int | float):
            return {"ui": {"text": (str(source),)}}
        try:
            return {"ui": {"text": (json.dumps(source, indent=4),)}}
        except (TypeError, ValueError):
            return {"ui": {"text": (str(source),)}}


class PrimitiveStringMultiline:
    """Returns a text, so that several nodes can be linked to the same text."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "execute"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare one input: a text of several lines."""
        return {"required": {"value": ("STRING", {"multiline": True})}}

    def execute(self, value: str) -> tuple[str]:
        """Return the text."""
        return (value,)
