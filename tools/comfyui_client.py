"""What a program asks of a running ComfyUI, over HTTP. What it hears meanwhile: comfyui_events.py."""

import io
import json
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import requests
from comfyui_events import EventStream, Json, open_events
from comfyui_server import Server
from PIL import Image

Prompt = Mapping[str, Any]
"""A workflow in API format: node id to {"class_type": …, "inputs": {…}}."""

REQUEST_SECONDS = 30.0


class PromptRejectedError(ValueError):
    """The server's validation refused a workflow; `node_errors` maps node ids to what is wrong with them."""

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
    """A client of one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy in the environment must not see requests to this machine

    def get(self, path: str, **query: str) -> Any:
        """Return the decoded JSON answer to a GET request."""
        return self._request("GET", path, params=query).json()

    def text(self, path: str) -> str:
        """What the server says at a path, as text."""
        return self._request("GET", path).text

    def post(self, path: str, content: object) -> requests.Response:
        """POST a JSON value."""
        return self._request("POST", path, json=content)

    def object_info(self, class_type: str) -> Json:
        """Return what the server tells about a node; LookupError with the end of its log when it has none."""
        answer: Json = self.get(f"/object_info/{class_type}")
        if class_type not in answer:
            raise LookupError(f"no node {class_type!r}; the end of the log:\n{self.server.log_tail()}")
        info: Json = answer[class_type]
        return info

    def upload(self, image: Image.Image, name: str) -> str:
        """Put an image where LoadImage finds it, as PNG; return the name to give to LoadImage."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        files = {"image": (name, buffer.getvalue(), "image/png")}
        answer = self._request("POST", "/upload/image", files=files, data={"overwrite": "true"})
        stored: str = answer.json()["name"]
        return stored

    def events(self) -> AbstractContextManager[EventStream]:
        """Open a stream of events: `with client.events() as events: client.queue(prompt, events)`."""
        return open_events(self.server)

    def queue(self, prompt: Prompt, events: EventStream | None = None) -> str:
        """Queue a workflow and return its prompt id; its events go to the given stream.

        Raises:
            PromptRejectedError: the server's validation found errors, in one output's nodes or in all.
        """
        content: Json = {"prompt": prompt}
        if events is not None:
            content["client_id"] = events.client_id
        response = self._session.post(f"{self.server.url}/prompt", json=content, timeout=REQUEST_SECONDS)
        if response.status_code != requests.codes.bad_request:  # which is validation's answer
            response.raise_for_status()
        answer: Json = response.json()
        # With several outputs the server runs the sound ones and mentions the others: that is no success either.
        if not response.ok or answer.get("node_errors"):
            raise PromptRejectedError(answer)
        prompt_id: str = answer["prompt_id"]
        return prompt_id

    def wait(self, prompt_id: str, timeout: float = 120.0) -> Json:
        """Return the history entry of a prompt once it is over, however it ended.

        Raises:
            TimeoutError: it is not over in `timeout` seconds; the message holds the end of the server's log.
        """
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        while time.monotonic() < deadline:
            history: Json = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                entry: Json = history[prompt_id]
                return entry
            self.server.check_alive()
            pause.wait(0.05)
        raise TimeoutError(f"{prompt_id} not over in {timeout} s; the end of the log:\n{self.server.log_tail()}")

    def run(self, prompt: Prompt, timeout: float = 120.0) -> Json:
        """Queue a workflow, wait for it and return its history entry.

        Raises:
            PromptRejectedError: see queue.
            PromptFailedError: a node raised an error, or somebody interrupted it.
            TimeoutError: see wait.
        """
        history = self.wait(self.queue(prompt), timeout)
        if history["status"]["status_str"] != "success":
            raise PromptFailedError(history)
        return history

    def interrupt(self, prompt_id: str | None = None) -> None:
        """Interrupt the given prompt if it is the running one; without an id, whatever runs."""
        self.post("/interrupt", {} if prompt_id is None else {"prompt_id": prompt_id})

    def stop_all(self, timeout: float = 30.0) -> None:
        """Empty the queue, interrupt whatever runs, and wait until it is over."""
        self.post("/queue", {"clear": True})
        deadline = time.monotonic() + timeout
        pause = threading.Event()
        while running := self.get("/queue")["queue_running"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still running after {timeout} s; the end of the log:\n{self.server.log_tail()}")
            # Again and again: a prompt that is just starting forgets an interrupt that came before its first node.
            self.interrupt(running[0][1])
            pause.wait(0.05)

    def free(self) -> None:
        """Unload all models and drop all cached results; the next prompt starts from nothing."""
        self.post("/free", {"unload_models": True, "free_memory": True})
        # The request only sets a flag, which the worker reads between prompts: run one, so that it is read by now.
        image = {"class_type": "EmptyImage", "inputs": {"width": 1, "height": 1, "batch_size": 1, "color": 0}}
        self.run({"1": image, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}})

    def images(self, history: Json, node_id: str | None = None) -> list[Image.Image]:
        """Return the images that a prompt's nodes (or one of them) saved or previewed, as files hold them."""
        outputs: Json = history["outputs"]
        wanted = outputs.values() if node_id is None else [outputs.get(node_id, {})]
        found = [image for output in wanted for image in output.get("images", [])]
        return [Image.open(io.BytesIO(self._request("GET", "/view", params=image).content)) for image in found]

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        response = self._session.request(method, self.server.url + path, timeout=REQUEST_SECONDS, **arguments)
        response.raise_for_status()
        return response
