"""A client of the HTTP interface of a running ComfyUI; the events that ComfyUI sends are received by harness.events."""

import io
import json
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import av
import requests
from PIL import Image

from harness.events import EventStream, Json, open_events
from harness.server import Server

Prompt = Mapping[str, Any]  # A workflow in API format: node id to {"class_type": …, "inputs": {…}}
REQUEST_SECONDS = 30.0


class PromptRejectedError(ValueError):
    """The server's validation refused a workflow; `node_errors` maps node ids to their errors."""

    def __init__(self, answer: Json) -> None:
        self.node_errors: Json = answer.get("node_errors") or {}
        super().__init__(json.dumps(answer, indent=1))


class PromptFailedError(RuntimeError):
    """A workflow started and did not succeed; `event` and `data` are the server's last message about it."""

    def __init__(self, history: Json) -> None:
        self.history = history
        self.event, self.data = history["status"]["messages"][-1]
        cause = f"{self.data.get('exception_type', '')}: {self.data.get('exception_message', '')}"
        place = f"node {self.data.get('node_id')} ({self.data.get('node_type')})"
        super().__init__(f"{self.event} in {place} {cause.strip(': ')}\n{''.join(self.data.get('traceback', []))}")


class Client:
    """A client of one server; a request that fails raises an exception of `requests`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment for requests to this machine

    def get(self, path: str, **query: str) -> Any:
        """Return the decoded JSON answer to a GET request."""
        return self._request("GET", path, params=query).json()

    def get_text(self, path: str) -> str:
        """Return the text of the answer to a GET request."""
        return self._request("GET", path).text

    def post(self, path: str, content: object) -> requests.Response:
        """Send a JSON value in a POST request and return the response."""
        return self._request("POST", path, json=content)

    def get_object_info(self, class_type: str) -> Json:
        """Return the server's description of a node class; a LookupError says that there is none."""
        answer: Json = self.get(f"/object_info/{class_type}")
        if class_type not in answer:
            raise LookupError(f"no node {class_type!r}; the end of the log:\n{self.server.read_log_tail()}")
        info: Json = answer[class_type]
        return info

    def upload(self, image: Image.Image, name: str) -> str:
        """Upload an image as PNG into the input folder and return the name by which LoadImage finds it."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        files = {"image": (name, buffer.getvalue(), "image/png")}
        answer = self._request("POST", "/upload/image", files=files, data={"overwrite": "true"})
        stored: str = answer.json()["name"]
        return stored

    def open_events(self) -> AbstractContextManager[EventStream]:
        """Open a stream of events: `with client.open_events() as events: client.queue(prompt, events)`."""
        return open_events(self.server)

    def queue(self, prompt: Prompt, events: EventStream | None = None) -> str:
        """Queue a workflow, whose events `events` receives, and return its prompt id; PromptRejectedError if it is
        refused."""
        content: Json = {"prompt": prompt}
        if events is not None:
            content["client_id"] = events.client_id
        response = self._session.post(f"{self.server.url}/prompt", json=content, timeout=REQUEST_SECONDS)
        if response.status_code != requests.codes.bad_request:  # the status of a workflow that the validation refused
            response.raise_for_status()
        answer: Json = response.json()
        # If only some output nodes have errors, the server runs the other nodes and lists the errors. Such a workflow
        # counts as refused too.
        if not response.ok or answer.get("node_errors"):
            raise PromptRejectedError(answer)
        prompt_id: str = answer["prompt_id"]
        return prompt_id

    def wait(self, prompt_id: str, timeout: float = 120.0) -> Json:
        """Wait until a prompt is over, and return its history entry; TimeoutError, or ComfyUIStartError if the server
        ended."""
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        while time.monotonic() < deadline:
            self.server.check_alive()
            try:
                history: Json = self.get(f"/history/{prompt_id}")
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                # The server has closed its port, perhaps in the middle of an answer. Its process ends a moment later,
                # which the next check notices.
                history = {}
            if prompt_id in history:
                entry: Json = history[prompt_id]
                return entry
            pause.wait(0.05)
        raise TimeoutError(f"{prompt_id} not over in {timeout} s; the end of the log:\n{self.server.read_log_tail()}")

    def run(self, prompt: Prompt, timeout: float = 120.0) -> Json:
        """Queue a workflow, wait for it and return its history entry; PromptFailedError if it did not succeed."""
        history = self.wait(self.queue(prompt), timeout)
        if history["status"]["status_str"] != "success":
            raise PromptFailedError(history)
        return history

    def interrupt(self, prompt_id: str | None = None) -> None:
        """Interrupt the running prompt; if an id is given, only if the running prompt has this id."""
        self.post("/interrupt", {} if prompt_id is None else {"prompt_id": prompt_id})

    def stop_all(self, timeout: float = 30.0) -> None:
        """Empty the queue, interrupt the running prompt, and wait until it is over."""
        self.post("/queue", {"clear": True})
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        while running := self.get("/queue")["queue_running"]:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"still running after {timeout} s; the end of the log:\n{self.server.read_log_tail()}"
                )
            # The interrupt is repeated, because a prompt that is just starting drops an interrupt that comes before its
            # first node. The second entry of a running prompt is its id.
            self.interrupt(running[0][1])
            pause.wait(0.05)

    def free(self) -> None:
        """Unload all models and drop all cached results."""
        self.post("/free", {"unload_models": True, "free_memory": True})
        # The request only sets a flag, which the server's worker reads between prompts. A small prompt makes the worker
        # read the flag.
        image = {"class_type": "EmptyImage", "inputs": {"width": 1, "height": 1, "batch_size": 1, "color": 0}}
        self.run({"1": image, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}})

    def get_images(self, history: Json, node_id: str | None = None) -> list[Image.Image]:
        """Return the images, and frames of films, that the nodes of a prompt saved or previewed, or only one node."""
        outputs: Json = history["outputs"]
        wanted = outputs.values() if node_id is None else [outputs.get(node_id, {})]
        found = [image for output in wanted for image in output.get("images", [])]
        return [picture for image in found for picture in _read_pictures(self.get_file(image), image["filename"])]

    def get_file(self, saved: Json) -> bytes:
        """Return a file that a node saved; `saved` is the entry of the file in the history of the prompt."""
        return self._request("GET", "/view", params=saved).content

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, self.server.url + path, timeout=REQUEST_SECONDS, **arguments)
        response.raise_for_status()
        return response


def _read_pictures(data: bytes, name: str) -> list[Image.Image]:
    """Return the picture in a file, or the frames of a film."""
    if not name.endswith(".mp4"):
        return [Image.open(io.BytesIO(data))]
    with av.open(io.BytesIO(data), "r") as film:
        return [frame.to_image() for frame in film.decode(video=0)]
