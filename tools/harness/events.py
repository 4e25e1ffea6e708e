"""The events that a running ComfyUI sends over its WebSocket: progress, previews, and the end of a workflow."""

import io
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image
from websockets.sync.client import ClientConnection, connect

from harness.server import Server

Json = dict[str, Any]

PREVIEW_IMAGE = 1
TEXT = 3
# Types of binary messages. The first four bytes of a message are its type (protocol.py of ComfyUI).
PREVIEW_IMAGE_WITH_METADATA = 4
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Event:
    """One message of the server; only a preview, of type "preview", contains an image."""

    type: str
    data: Json
    image: Image.Image | None = None


class EventStream:
    """The events that a server sends to one client: those of prompts queued with this stream, and those for all."""

    def __init__(self, server: Server, connection: ClientConnection, client_id: str) -> None:
        self._server = server
        self._connection = connection
        self.client_id = client_id

    def receive(self, timeout: float) -> Event:
        """Return the next event; raise TimeoutError if there is none within `timeout` seconds."""
        message = self._connection.recv(timeout=timeout)
        if isinstance(message, str):
            content = json.loads(message)
            return Event(content["type"], content["data"])
        return _parse_binary(message)

    def receive_until_done(self, prompt_id: str, timeout: float = 120.0) -> Iterator[Event]:
        """Yield the events of one prompt up to the `executing` event without a node; then /history has the prompt."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = self.receive(max(deadline - time.monotonic(), 0.0))
            except TimeoutError as error:
                raise TimeoutError(f"{prompt_id} not over in {timeout} s; {self._server.read_log_tail()}") from error
            if event.data.get("prompt_id", prompt_id) != prompt_id:
                continue
            yield event
            if event.type == "executing" and event.data["node"] is None:
                return


@contextmanager
def open_events(server: Server) -> Iterator[EventStream]:
    """Connect to a running ComfyUI, and yield the stream of its events; give it to `Client.queue`."""
    client_id = uuid.uuid4().hex
    address = f"{server.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
    # A preview can exceed the default limit of 1 MiB for one message.
    with connect(address, max_size=None, proxy=None) as connection:
        # With this feature flag, which the page sets too, a preview message names the node that the preview belongs to.
        connection.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        stream = EventStream(server, connection, client_id)
        # Skip all messages up to the server's answer, which has the same type.
        while stream.receive(ANSWER_SECONDS).type != "feature_flags":
            pass
        yield stream


def _parse_binary(message: bytes) -> Event:
    """Return the event of a binary message: a preview, or the text of a node."""
    kind = int.from_bytes(message[:4], "big")
    if kind == PREVIEW_IMAGE_WITH_METADATA:
        end = 8 + int.from_bytes(message[4:8], "big")
        return Event("preview", json.loads(message[8:end]), Image.open(io.BytesIO(message[end:])))
    if kind == TEXT:
        end = 8 + int.from_bytes(message[4:8], "big")
        return Event("progress_text", {"node": message[8:end].decode(), "text": message[end:].decode()})
    if kind == PREVIEW_IMAGE:
        return Event("preview", {}, Image.open(io.BytesIO(message[8:])))
    return Event(f"binary {kind}", {})
