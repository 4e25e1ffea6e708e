"""Prompts of former versions, changed before ComfyUI checks them."""

from collections.abc import Callable
from typing import Any

from .page import find_server


def migrate_prompts(migrate: Callable[[Any], Any]) -> None:
    """Let ComfyUI's server pass every prompt that it is sent through a function; does nothing where there is no server.

    Args:
        migrate: takes a prompt in API format, or whatever was sent as one, and returns it changed.
    """
    server = find_server()
    if server is None:
        return

    def handle(content: Any) -> Any:
        if isinstance(content, dict) and "prompt" in content:
            return content | {"prompt": migrate(content["prompt"])}
        return content

    server.add_on_prompt_handler(handle)
