"""What a node says while it loads: nothing at first, then what it does, then how long it took."""

import threading
from types import ModuleType

import pytest

from loaded_pack import Pack, previews
from running_node import Running


@pytest.fixture
def wait(pack: Pack) -> ModuleType:
    return pack.module("nodes.bridge.wait")


class Clock:
    """The time as a test sets it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(wait: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(wait.time, "monotonic", clock)
    return clock


def test_what_is_quickly_done_is_not_spoken_of(wait: ModuleType, running: Running, clock: Clock) -> None:
    with previews() as updates, wait.Wait("loading it") as waiting:
        waiting.report(1, 2)
        clock.now = 0.9
        waiting.report(2, 2)
    assert running.server.texts == []
    assert updates == [(1, 2, None), (2, 2, None)]


def test_what_takes_longer_says_how_much_is_done_and_how_long_it_took(
    wait: ModuleType, running: Running, clock: Clock
) -> None:
    with wait.Wait("loading it", "downloading it") as waiting:
        clock.now = 1.5
        waiting.report(1, 4)
        clock.now = 2.5
        waiting.report(900, 0)
        clock.now = 12.4
    assert running.server.texts == ["downloading it: 25%", "loading it: done in 12 s"]


def test_what_reports_nothing_is_spoken_of_by_a_timer(
    wait: ModuleType, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_PATIENCE_SECONDS", 0.0)
    said = threading.Event()
    send = running.server.send_progress_text

    def send_and_tell(text: str, node_id: str, sid: str | None = None) -> None:
        send(text, node_id, sid)
        said.set()

    monkeypatch.setattr(running.server, "send_progress_text", send_and_tell)
    with wait.Wait("loading it"):
        assert said.wait(30)
    assert running.server.sent[0] == ("5", "loading it", "page")


def test_an_error_passes_and_nothing_is_called_done(wait: ModuleType, running: Running, clock: Clock) -> None:
    def fail() -> None:
        with wait.Wait("loading it"):
            clock.now = 5.0
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert running.server.texts == []


def test_a_cancel_stops_the_loading(wait: ModuleType) -> None:
    import comfy.model_management

    def load() -> None:
        with wait.Wait("loading it") as waiting:
            waiting.report(1, 4)
            comfy.model_management.interrupt_current_processing()
            waiting.report(2, 4)

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        load()


def test_the_console_has_a_bar_when_something_is_reported(wait: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with wait.Wait("loading it", console="starter"):
        pass
    assert capsys.readouterr().err == ""
    with wait.Wait("loading it", console="starter") as waiting:
        waiting.report(3, 4)
    assert "starter: " in capsys.readouterr().err
