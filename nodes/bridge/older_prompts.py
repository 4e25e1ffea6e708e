"""Converts prompts that were made for former versions of the pack, before ComfyUI checks these prompts."""

from collections.abc import Callable
from typing import Any

from .page import find_server


def migrate_prompts(migrate: Callable[[Any], Any]) -> None:
    """Let ComfyUI's server apply a function to every prompt that it receives; without a server, do nothing.

    Args:
        migrate: a function that converts a prompt in API format. It is given what a client has sent, unchecked.
    """
    server = find_server()
    if server is None:
        return

    def handle(content: Any) -> Any:
        if isinstance(content, dict) and "prompt" in content:
            return content | {"prompt": migrate(content["prompt"])}
        return content

    server.add_on_prompt_handler(handle)
