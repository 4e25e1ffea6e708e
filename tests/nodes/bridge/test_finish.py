"""Finish now: which presses count, and when a result is taken for one that ended early."""

import asyncio
from types import ModuleType, SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cases import each_case
from loaded_pack import Pack
from running_node import Running


@pytest.fixture
def finish(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = pack.module("nodes.bridge.finish")
    monkeypatch.setattr(module, "_early_ends", type(module._early_ends)())
    return module


def test_a_press_counts_for_the_node_and_the_prompt_that_run(finish: ModuleType, running: Running) -> None:
    with finish.FinishButton() as button:
        assert not button.is_pressed
        for node_id, prompt_id in (("6", "first"), ("5", "second"), ("5", None), (None, "first"), ([], {})):
            assert not finish.press_finish(node_id, prompt_id)
        assert not button.is_pressed
        assert finish.press_finish("5", "first")
        assert finish.press_finish("5", "first"), "a second press does no harm"
        assert button.is_pressed


def test_a_press_before_or_after_a_run_ends_no_later_one_of_its_prompt_or_of_the_next(
    finish: ModuleType, running: Running
) -> None:
    assert not finish.press_finish("5", "first")
    with finish.FinishButton() as button:
        assert not button.is_pressed
        finish.press_finish("5", "first")
    assert not finish.press_finish("5", "first")
    with finish.FinishButton() as button:
        assert not button.is_pressed
    running.prompt_id = "second"
    with finish.FinishButton() as button:
        assert not finish.press_finish("5", "first")
        assert not button.is_pressed


def test_a_run_that_fails_leaves_no_button_behind(finish: ModuleType, running: Running) -> None:
    def fail() -> None:
        with finish.FinishButton():
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert not finish.press_finish("5", "first")


def test_a_fingerprint_belongs_to_one_node_and_changes_with_every_early_end_of_it(
    finish: ModuleType, running: Running
) -> None:
    seen = [finish.fingerprint_early_ends()]
    assert finish.fingerprint_early_ends() == seen[0]
    for _ in range(2):
        with finish.FinishButton() as button:
            button.note_early_end()
        seen.append(finish.fingerprint_early_ends())
    assert len(set(seen)) == 3
    last = finish.fingerprint_early_ends()
    running.node_id = "6"
    other = finish.fingerprint_early_ends()
    # With the same inputs, the one node would be given what the other one has ended early.
    assert other not in seen
    with finish.FinishButton() as button:
        button.note_early_end()
    assert finish.fingerprint_early_ends() not in (other, *seen)
    running.node_id = "5"
    assert finish.fingerprint_early_ends() == last


def test_without_comfyui_the_button_is_there_and_cannot_be_pressed(finish: ModuleType) -> None:
    with finish.FinishButton() as button:
        assert not finish.press_finish("5", "first")
        button.note_early_end()
    assert not button.is_pressed
    assert finish.fingerprint_early_ends() == finish.fingerprint_early_ends()


def test_a_second_copy_of_the_pack_registers_no_second_route(finish: ModuleType, running: Running) -> None:
    running.server.routes = [SimpleNamespace(path="/prompt"), SimpleNamespace(path=finish.ROUTE)]
    finish.register_finish_route()
    assert len(running.server.routes) == 2


def test_without_a_server_there_is_no_route(finish: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(finish.find_server.__globals__["PromptServer"].instance.routes, "post", refuse, raising=False)
    finish.register_finish_route()


@each_case(
    ("body", "kind"),
    [
        (b"[" * 100_000, "application/json"),
        (b'{"node_id": ' * 50_000, "application/json"),
        (b"{}", "application/json; charset=no-such"),
        (b"\xff\xfe", "application/json; charset=utf-8"),
        (b"9" * 10_000, "application/json"),
        (b'{"node_id": "5"}', "application/json"),
        (b"null", "application/json"),
    ],
)
def test_what_is_no_press_is_refused_with_a_message(
    finish: ModuleType, monkeypatch: pytest.MonkeyPatch, body: bytes, kind: str
) -> None:
    routes = web.RouteTableDef()
    monkeypatch.setattr(finish, "find_server", lambda: SimpleNamespace(routes=routes))
    finish.register_finish_route()

    async def ask() -> tuple[int, str]:
        app = web.Application()
        app.add_routes(routes)
        async with TestClient(TestServer(app)) as client:
            answer = await client.post(finish.ROUTE, data=body, headers={"Content-Type": kind})
            return answer.status, await answer.text()

    status, text = asyncio.run(ask())
    assert status == 400
    assert "send the node_id and prompt_id of what is to finish" in text


def test_a_body_that_never_ends_is_refused(finish: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = web.RouteTableDef()
    monkeypatch.setattr(finish, "find_server", lambda: SimpleNamespace(routes=routes))
    monkeypatch.setattr(finish, "PATIENCE", 0.1)
    finish.register_finish_route()

    async def ask() -> bytes:
        app = web.Application()
        app.add_routes(routes)
        async with TestServer(app) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            head = f"POST {finish.ROUTE} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: 50\r\n\r\n{{".encode())
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
            writer.close()
            return answer

    assert asyncio.run(ask()) == b"HTTP/1.1 400 Bad Request\r\n"
