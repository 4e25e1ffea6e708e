"""Waiting for a connection: it can be ended, and it ends by itself. What arrives is tested with the downloads."""

import http.client
import socket
import threading

import pytest

from das_core.models.sources import connection
from das_core.models.sources.connection import call_listening, receive


class Stop(Exception):  # noqa: N818 - named as it is meant
    pass


def stop() -> None:
    raise Stop


def test_what_a_function_returns_or_raises_comes_back() -> None:
    assert call_listening(lambda: 3, stop, 5) == 3
    with pytest.raises(http.client.BadStatusLine):
        call_listening(fail, stop, 5)
    with pytest.raises(KeyError, match="unforeseen"):
        call_listening(lambda: {}["unforeseen"], stop, 5)


def fail() -> int:
    raise http.client.BadStatusLine("odd")


def test_a_listener_ends_the_waiting_and_so_does_time() -> None:
    never = threading.Event()
    with pytest.raises(Stop):
        call_listening(never.wait, stop, 60)
    heard: list[int] = []
    with pytest.raises(TimeoutError, match="timed out: no answer in 0 seconds"):
        call_listening(never.wait, lambda: heard.append(1), 0)
    assert heard == [1]
    never.set()


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(connection, "TIMEOUT", 0.3)
    heard: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError, match="timed out"):
        list(receive(f"http://127.0.0.1:{silent.getsockname()[1]}/a", lambda: heard.append(1)))
    assert heard


def test_an_address_that_is_none_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="unknown url type"):
        list(receive("no address", stop))
