"""Finish now: a button with which the user ends a running node early and gets its result so far.

The button is in web/finish_now.js. It posts the ids of the node and of the run (ComfyUI's prompt id), so that a request
that arrives late cannot end the next run.
"""

import asyncio
import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from .page import find_running_node, find_server, say_on_node

ROUTE = "/direct_ascent/finish"
"""The path of the HTTP request that the button sends."""

PATIENCE = 10.0
"""How many seconds the body of a request may take. aiohttp waits forever for a body that never ends: one whose sender
stops in the middle, or some bodies that are not compressed in the way that their header says."""

_PROCESS = uuid4().hex[:8]
_lock = threading.Lock()
_running: dict[str, "FinishButton"] = {}
_early_ends: Counter[str] = Counter()


class FinishButton:
    """The button "Finish now" of the node that is running; it can be pressed while the `with` block runs."""

    def __init__(self) -> None:
        self._node = find_running_node()
        self._pressed = threading.Event()

    def __enter__(self) -> Self:
        if self._node:
            with _lock:
                _running[self._node.node_id] = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._node:
            with _lock:
                _running.pop(self._node.node_id, None)

    def press(self, prompt_id: Any) -> bool:
        """Ask the node to end early, but only if `prompt_id` is the id of its run; return whether it was asked."""
        if self._node is None or prompt_id != self._node.prompt_id:
            return False
        self._pressed.set()
        return True

    @property
    def is_pressed(self) -> bool:
        """Whether the node has been asked to end early."""
        return self._pressed.is_set()

    def note_early_end(self) -> None:
        """Record that the node has ended early, so that ComfyUI does not reuse its incomplete result."""
        if self._node:
            with _lock:
                _early_ends[self._node.node_id] += 1


def press_finish(node_id: Any, prompt_id: Any) -> bool:
    """Ask a node to end early, but only if it is running for this prompt (run); return whether it was asked."""
    with _lock:
        button = _running.get(node_id) if isinstance(node_id, str) else None
        return button is not None and button.press(prompt_id)


def fingerprint_early_ends() -> str:
    """Return a text for the `fingerprint_inputs` of the running node; it changes when the node has ended early."""
    # ComfyUI stores a result under the fingerprint from the start of the run, so an incomplete one is not reused. The
    # id of the node keeps it from other nodes with equal inputs; the id of the process from later processes, which
    # count from 0 again.
    node = find_running_node()
    with _lock:
        return f"{_PROCESS}:{node.node_id}:{_early_ends[node.node_id]}" if node else _PROCESS


def register_finish_route() -> None:
    """Register the route of the Finish button with ComfyUI's server; without a server, do nothing."""
    server = find_server()
    # A second copy of the pack must not register the same route: ComfyUI would not start.
    if server is None or any(getattr(route, "path", None) == ROUTE for route in server.routes):
        return
    from aiohttp import web

    @server.routes.post(ROUTE)  # type: ignore[untyped-decorator]
    async def finish(request: web.Request) -> web.Response:
        try:
            content = await asyncio.wait_for(request.json(), PATIENCE)
        # ValueError: the body is not JSON. RecursionError: the JSON is nested a thousand deep. LookupError: the charset
        # is unknown. RequestPayloadError: the body is not compressed in the way that its header says.
        except (ValueError, RecursionError, LookupError, web.RequestPayloadError, TimeoutError):
            content = None
        if not isinstance(content, dict) or not {"node_id", "prompt_id"} <= content.keys():
            return web.json_response({"error": "send the node_id and prompt_id of what is to finish"}, status=400)
        is_running = press_finish(content["node_id"], content["prompt_id"])
        if is_running:
            say_on_node(content["node_id"], "finishing")
        return web.json_response({"finishing": is_running})
