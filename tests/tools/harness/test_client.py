"""The client of ComfyUI's HTTP interface, against a small web server; tests/comfyui has the real one."""

import io
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from cases import each_case
from harness.client import Client, PromptFailedError, PromptRejectedError
from harness.server import ComfyUIStartError, Server

PROMPT = {"1": {"class_type": "EmptyImage", "inputs": {}}}
SUCCESS = {"status": {"status_str": "success", "messages": []}, "outputs": {}}


@pytest.fixture
def client(web: Any, make_server: Callable[..., Server]) -> Client:
    return Client(make_server(web.url))


def encode(color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_workflow_is_queued_and_waited_for(client: Client, web: Any) -> None:
    histories = iter([{}, {}, {"p1": SUCCESS}])
    web.answers |= {"POST /prompt": {"prompt_id": "p1"}, "GET /history/p1": lambda: next(histories)}
    assert client.run(PROMPT) == SUCCESS
    assert web.received("POST /prompt") == [{"prompt": PROMPT}]
    assert [request for request, _ in web.requests].count("GET /history/p1") == 3


@each_case("status", [400, 200])
def test_errors_of_the_validation_are_raised_by_node_also_if_other_outputs_run(
    client: Client, web: Any, status: int
) -> None:
    errors = {"7": {"errors": [{"message": "Required input is missing"}]}}
    web.answers["POST /prompt"] = (status, {"prompt_id": "p1", "node_errors": errors})
    with pytest.raises(PromptRejectedError, match="Required input is missing") as caught:
        client.queue(PROMPT)
    assert caught.value.node_errors == errors


def test_another_error_of_the_server_is_no_answer_of_the_validation(client: Client, web: Any) -> None:
    web.answers["POST /prompt"] = (500, b"broken")
    with pytest.raises(requests.HTTPError, match="500"):
        client.queue(PROMPT)


def test_a_workflow_that_fails_is_told_with_node_exception_and_traceback(client: Client, web: Any) -> None:
    data = {"node_id": "1", "node_type": "Probe", "exception_type": "ValueError", "exception_message": "too small"}
    messages = [["execution_start", {}], ["execution_error", data | {"traceback": ["line a\n", "line b\n"]}]]
    history = {"status": {"status_str": "error", "messages": messages}, "outputs": {}}
    web.answers |= {"POST /prompt": {"prompt_id": "p1"}, "GET /history/p1": {"p1": history}}
    with pytest.raises(PromptFailedError) as caught:
        client.run(PROMPT)
    assert str(caught.value) == "execution_error in node 1 (Probe) ValueError: too small\nline a\nline b\n"
    assert (caught.value.event, caught.value.history) == ("execution_error", history)


def test_a_wait_ends_in_time_with_the_end_of_the_log(client: Client, web: Any) -> None:
    web.answers["GET /history/p1"] = {}
    with pytest.raises(TimeoutError, match=r"p1 not over in 0.2 s(.|\n)*line 99"):
        client.wait("p1", timeout=0.2)


def test_a_wait_for_a_server_that_has_ended_is_an_error_at_once(web: Any, make_server: Callable[..., Server]) -> None:
    web.answers["GET /history/p1"] = {}
    with pytest.raises(ComfyUIStartError, match="exit code 9"):
        Client(make_server(web.url, code=9)).wait("p1", timeout=60)


@each_case("requests_before", [0, 1])
def test_a_wait_for_a_server_that_closes_its_port_ends_with_its_log(
    make_server: Callable[..., Server], requests_before: int
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = make_server(f"http://127.0.0.1:{port}")
    codes = iter([None] * requests_before)  # the process runs for so many checks, and then has ended
    server.process.poll = lambda: next(codes, 9)  # type: ignore[method-assign]
    with pytest.raises(ComfyUIStartError, match=r"exit code 9(.|\n)*line 99"):
        Client(server).wait("p1", timeout=60)


def test_a_node_class_is_described_or_missing(client: Client, web: Any) -> None:
    web.answers |= {"GET /object_info/Probe": {"Probe": {"display_name": "A Probe"}}, "GET /object_info/Other": {}}
    assert client.get_object_info("Probe") == {"display_name": "A Probe"}
    with pytest.raises(LookupError, match=r"no node 'Other'(.|\n)*line 99"):
        client.get_object_info("Other")


def test_an_image_is_uploaded_as_png_and_overwrites_one_of_its_name(client: Client, web: Any) -> None:
    web.answers["POST /upload/image"] = {"name": "stored.png"}
    assert client.upload(Image.new("RGB", (3, 2), "lime"), "lime.png") == "stored.png"
    ((_, body),) = web.requests
    assert encode("lime") in body
    assert b'filename="lime.png"' in body
    assert b'name="overwrite"\r\n\r\ntrue' in body


def test_the_images_of_all_nodes_or_of_one_come_back(client: Client, web: Any) -> None:
    names = iter(["red", "blue", "blue"])
    web.answers["GET /view"] = lambda: encode(next(names))
    history = {"outputs": {"1": {"images": [{"filename": "a"}]}, "2": {"images": [{"filename": "b"}], "text": ["x"]}}}
    assert [image.getpixel((0, 0)) for image in client.get_images(history)] == [(255, 0, 0), (0, 0, 255)]
    (image,) = client.get_images(history, "2")
    assert image.getpixel((0, 0)) == (0, 0, 255)
    assert client.get_images(history, "3") == []
    assert [request for request, _ in web.requests] == [f"GET /view?filename={name}" for name in "abb"]


def test_an_interrupt_names_its_prompt_if_there_is_one(client: Client, web: Any) -> None:
    web.answers["POST /interrupt"] = b""
    client.interrupt("p1")
    client.interrupt()
    assert web.received("POST /interrupt") == [{"prompt_id": "p1"}, {}]


def test_stop_all_empties_the_queue_and_interrupts_until_nothing_runs_or_time_is_up(client: Client, web: Any) -> None:
    running = iter([[[0, "p1"]], [[0, "p1"]], []])
    web.answers |= {
        "POST /queue": b"",
        "POST /interrupt": b"",
        "GET /queue": lambda: {"queue_running": next(running)},
    }
    client.stop_all()
    assert web.received("POST /queue") == [{"clear": True}]
    assert web.received("POST /interrupt") == [{"prompt_id": "p1"}, {"prompt_id": "p1"}]
    web.answers["GET /queue"] = {"queue_running": [[0, "p1"]]}
    with pytest.raises(TimeoutError, match=r"still running after 0.2 s"):
        client.stop_all(timeout=0.2)


def test_free_sets_its_flags_before_it_runs_a_prompt(client: Client, web: Any) -> None:
    web.answers |= {"POST /free": b"", "POST /prompt": {"prompt_id": "p1"}, "GET /history/p1": {"p1": SUCCESS}}
    client.free()
    assert web.received("POST /free") == [{"unload_models": True, "free_memory": True}]
    assert [request for request, _ in web.requests][:2] == ["POST /free", "POST /prompt"]


def test_text_and_json_are_fetched_and_a_missing_page_is_an_error(client: Client, web: Any) -> None:
    web.answers |= {"GET /page.md": b"# Help", "GET /queue": {"a": 1}}
    assert client.get_text("/page.md") == "# Help"
    assert client.get("/queue", verbose="1") == {"a": 1}
    assert web.requests[-1][0] == "GET /queue?verbose=1"
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_text("/other.md")
