"""What a user does to a running node: Finish now, which ends it early with its result so far, and acts, which steer it.

The page's halves are web/finish_now.js and web/steer.js. They post the ids of the node and of the run (ComfyUI's prompt
id), so that a request that arrives late cannot reach the next run.
"""

import asyncio
import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from ...das_core.ascent.steering.act_text import LONGEST_TEXT, read_act
from ...das_core.ascent.steering.acts import Act
from .page import find_running_node, find_server, say_on_node

ROUTE, ACT_ROUTE = "/direct_ascent/finish", "/direct_ascent/act"
"""The paths of the HTTP requests that the page sends."""

PATIENCE = 10.0
"""How many seconds the body of a request may take. aiohttp waits forever for a body that never ends: one whose sender
stops in the middle, or some bodies that are not compressed in the way that their header says."""

MOST_WAITING = 100
"""How many acts may wait for the end of a step."""

_PROCESS = uuid4().hex[:8]
_lock = threading.Lock()
_running: dict[str, "Controls"] = {}
_presses: Counter[str] = Counter()


class Controls:
    """What the user has asked of the node that is running, while the `with` block runs."""

    def __init__(self) -> None:
        self._node = find_running_node()
        self._pressed = threading.Event()
        self._acts: queue.Queue[Act | None] = queue.Queue(MOST_WAITING)

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

    def belongs_to(self, prompt_id: Any) -> bool:
        """Return whether this is the id of the run of the node."""
        return self._node is not None and prompt_id == self._node.prompt_id

    def press(self) -> None:
        """Ask the node to end early."""
        self._pressed.set()

    @property
    def is_pressed(self) -> bool:
        """Whether the node has been asked to end early."""
        return self._pressed.is_set()

    def offer(self, act: Act | None) -> None:
        """Let an act wait for the node, or None, which asks it to tell the page what it does; raise queue.Full if too
        many do."""
        self._acts.put_nowait(act)

    def take_acts(self) -> Iterator[Act | None]:
        """Yield the acts that wait."""
        while not self._acts.empty():
            yield self._acts.get_nowait()

    def note_change(self) -> None:
        """Record that the result is not that of the inputs alone, so that ComfyUI does not reuse it."""
        if self._node:
            with _lock:
                _presses[self._node.node_id] += 1


def _find_controls(node_id: Any, prompt_id: Any) -> Controls | None:
    """Return the controls of a node, if it is running for this prompt (run)."""
    with _lock:
        found = _running.get(node_id) if isinstance(node_id, str) else None
    return found if found and found.belongs_to(prompt_id) else None


def press_finish(node_id: Any, prompt_id: Any) -> bool:
    """Ask a node to end early, but only if it is running for this prompt (run); return whether it was asked."""
    if controls := _find_controls(node_id, prompt_id):
        controls.press()
    return controls is not None


def press_act(node_id: Any, prompt_id: Any, act: Any) -> str:
    """Let an act, a list such as ["weigh", "castle", 2], or None wait for a node; return why not, or an empty text."""
    controls = _find_controls(node_id, prompt_id)
    if controls is None:
        return "Direct Ascent Optimize is not running; steer while it climbs"
    try:
        controls.offer(act if act is None else read_act([0, *act] if isinstance(act, list) else act)[1])
    except ValueError as error:
        return str(error)
    except queue.Full:
        return f"{MOST_WAITING} acts wait for the end of the step; wait, too"
    return ""


def fingerprint_changes() -> str:
    """Return a text for the `fingerprint_inputs` of the running node; it changes with each `note_change`."""
    # ComfyUI stores a result under the fingerprint from the start of the run, so a changed one is not reused. The id of
    # the node keeps it from other nodes with equal inputs; the id of the process from later processes, which count from
    # 0 again.
    node = find_running_node()
    with _lock:
        return f"{_PROCESS}:{node.node_id}:{_presses[node.node_id]}" if node else _PROCESS


def register_control_routes() -> None:
    """Register the routes with ComfyUI's server; without a server, do nothing."""
    server = find_server()
    # A second copy of the pack must not register the same route: ComfyUI would not start.
    if server is None or any(getattr(route, "path", None) == ROUTE for route in server.routes):
        return
    from aiohttp import web

    def register(path: str, needed: set[str], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        @server.routes.post(path)  # type: ignore[untyped-decorator]
        async def handle(request: web.Request) -> web.Response:
            try:
                text = await asyncio.wait_for(request.text(), PATIENCE)
                content = json.loads(text) if len(text) <= LONGEST_TEXT else None
            # ValueError: the body is not JSON. RecursionError: the JSON is nested a thousand deep. LookupError: the
            # charset is unknown. RequestPayloadError: the body is not compressed in the way that its header says.
            except (ValueError, RecursionError, LookupError, web.RequestPayloadError, TimeoutError):
                content = None
            if not isinstance(content, dict) or not needed <= content.keys():
                return web.json_response({"error": f"send the {' and '.join(sorted(needed))}"}, status=400)
            return web.json_response(answer(content))

    def finish(content: dict[str, Any]) -> dict[str, Any]:
        is_running = press_finish(content["node_id"], content["prompt_id"])
        if is_running:
            say_on_node(content["node_id"], "finishing")
        return {"finishing": is_running}

    def steer(content: dict[str, Any]) -> dict[str, Any]:
        refused = press_act(content["node_id"], content["prompt_id"], content["act"])
        return {"waiting": not refused, "refused": refused}

    register(ROUTE, {"node_id", "prompt_id"}, finish)
    register(ACT_ROUTE, {"node_id", "prompt_id", "act"}, steer)
