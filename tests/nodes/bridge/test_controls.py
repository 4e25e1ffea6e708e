"""Finish now: which presses count, and when a result is taken for one that ended early."""

import asyncio
from contextlib import suppress
from types import ModuleType, SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cases import each_case
from loaded_pack import Pack
from running_node import Running


@pytest.fixture
def finish(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = pack.module("nodes.bridge.controls")
    monkeypatch.setattr(module, "_presses", type(module._presses)())
    return module


def test_a_press_counts_for_the_node_and_the_prompt_that_run(finish: ModuleType, running: Running) -> None:
    with finish.Controls() as button:
        assert not button.is_pressed
        for node_id, prompt_id in (("6", "first"), ("5", "second"), ("5", None), (None, "first"), ([], {})):
            assert not finish.press_finish(node_id, prompt_id)
        assert not button.is_pressed
        assert finish.press_finish("5", "first")
        assert finish.press_finish("5", "first"), "a second press does no harm"
        assert button.is_pressed


def test_a_press_ends_no_later_run(finish: ModuleType, running: Running) -> None:
    assert not finish.press_finish("5", "first")
    with suppress(KeyError), finish.Controls() as button:
        finish.press_finish("5", "first")
        raise KeyError
    assert not finish.press_finish("5", "first")
    running.prompt_id = "second"
    with finish.Controls() as button:
        assert not finish.press_finish("5", "first")
        assert not button.is_pressed


def test_a_fingerprint_changes_with_every_early_end_of_one_node(finish: ModuleType, running: Running) -> None:
    def end_early() -> str:
        with finish.Controls() as button:
            button.note_change()
        fingerprint: str = finish.fingerprint_changes()
        return fingerprint

    seen = [finish.fingerprint_changes(), end_early(), end_early()]
    assert finish.fingerprint_changes() == seen[2]
    running.node_id = "6"
    # With the same inputs, the one node would be given what the other one has ended early.
    seen += [finish.fingerprint_changes(), end_early()]
    assert len(set(seen)) == 5
    running.node_id = "5"
    assert finish.fingerprint_changes() == seen[2]


def test_without_comfyui_the_button_is_there_and_cannot_be_pressed(finish: ModuleType) -> None:
    finish.register_control_routes()
    with finish.Controls() as button:
        assert not finish.press_finish("5", "first")
        button.note_change()
    assert not button.is_pressed
    assert finish.fingerprint_changes() == finish.fingerprint_changes()


def test_a_second_copy_of_the_pack_registers_no_second_route(finish: ModuleType, running: Running) -> None:
    running.server.routes = [SimpleNamespace(path="/prompt"), SimpleNamespace(path=finish.ROUTE)]
    finish.register_control_routes()
    assert len(running.server.routes) == 2


def register(finish: ModuleType, monkeypatch: pytest.MonkeyPatch) -> web.Application:
    """An application with the route of the button."""
    routes, app = web.RouteTableDef(), web.Application()
    monkeypatch.setattr(finish, "find_server", lambda: SimpleNamespace(routes=routes))
    finish.register_control_routes()
    app.add_routes(routes)
    return app


@each_case(
    ("body", "kind"),
    (b"[" * 100_000, "application/json"),
    (b"{}", "application/json; charset=no-such"),
    (b"\xff\xfe", "application/json; charset=utf-8"),
    (b'{"node_id": "5"}', "application/json"),
    (b"null", "application/json"),
    (b"{}", "gzip"),
)
def test_what_is_no_press_fails(finish: ModuleType, monkeypatch: pytest.MonkeyPatch, body: bytes, kind: str) -> None:
    async def ask() -> tuple[int, str]:
        async with TestClient(TestServer(register(finish, monkeypatch))) as client:
            # A body that is not compressed as its header says.
            headers = {"Content-Encoding": kind} if kind == "gzip" else {"Content-Type": kind}
            answer = await client.post(finish.ROUTE, data=body, headers=headers, compress=None)
            return answer.status, await answer.text()

    status, text = asyncio.run(ask())
    assert status == 400
    assert "send the node_id and prompt_id" in text


def test_a_body_that_never_ends_is_refused(finish: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finish, "PATIENCE", 0.1)

    async def ask() -> bytes:
        async with TestServer(register(finish, monkeypatch)) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port)
            head = f"POST {finish.ROUTE} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: 50\r\n\r\n{{".encode())
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
            writer.close()
            return answer

    assert asyncio.run(ask()) == b"HTTP/1.1 400 Bad Request\r\n"


def test_an_act_waits_for_the_node_that_runs(finish: ModuleType, running: Running) -> None:
    act = ["weigh", "castle", 2]
    assert "not running" in finish.press_act("5", "first", act)
    with finish.Controls() as controls:
        assert "not running" in finish.press_act("5", "second", act)
        for wrong, says in (
            ("weigh", "is none of"),
            (["weigh", "castle"], "needs"),
            (["place", 2, 0], "between 0 and 1"),
        ):
            assert says in finish.press_act("5", "first", wrong)
        assert [finish.press_act("5", "first", act) for _ in range(finish.MOST_WAITING)] == [""] * finish.MOST_WAITING
        assert "acts wait" in finish.press_act("5", "first", act)
        assert len(list(controls.take_acts())) == finish.MOST_WAITING
        assert not list(controls.take_acts())
