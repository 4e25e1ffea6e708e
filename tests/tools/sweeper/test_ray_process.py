"""The process beside the driver, with a Ray that answers as it is told."""

import threading
from multiprocessing import Pipe
from typing import Any

import pytest

from sweeper import ray_process
from sweeper.pool_events import Died, Done, Ready, Stopped
from sweeper.ray_process import _obey, _take_answers, _Workers


class RayError(Exception):
    pass


class Ray:
    """As much of Ray as the process uses: calls are answered at once, by what the worker was told to answer."""

    class exceptions:  # noqa: N801
        RayError = RayError

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.options: list[Any] = []
        self.killed: list[Any] = []

    def put(self, value: Any) -> Any:
        return value

    def wait(self, calls: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return calls[:num_returns], []

    def get(self, call: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self, actor: Any, no_restart: bool) -> None:
        self.killed.append(actor)

    def get_runtime_context(self) -> Any:
        return type("Context", (), {"gcs_address": "127.0.0.1:1"})()


class Actors:
    """The class of workers; every call is an object of its own."""

    def __init__(self, ray: Ray) -> None:
        self._ray = ray
        self.prepare = self.run = type("Method", (), {"remote": staticmethod(lambda *_: object())})()

    def options(self, **options: Any) -> "Actors":
        self._ray.options.append(options)
        return self

    def remote(self, *_: Any) -> "Actors":
        return self


def test_answers_become_events() -> None:
    calls = {object(): number for number in range(1, 5)}
    workers = _Workers({number: f"actor {number}" for number in range(1, 5)}, calls)
    ray = Ray(
        ("ready", "here", {}), ("row", {"cell": "a"}, {"f": b""}), RayError("it\nwas killed"), ("stop", "full", {})
    )
    assert _take_answers(ray, workers) == [
        Ready(1, "here"),
        Done(2, {"cell": "a"}, {"f": b""}),
        Died(3, "it was killed"),
        Stopped("full"),
    ]
    assert (sorted(workers.actors), workers.calls, ray.killed) == ([1, 2, 4], {}, ["actor 3"])
    assert _take_answers(ray, workers) == []


def test_a_dead_worker_is_reported_once_however_many_cells_it_had_with_the_end_of_its_error() -> None:
    workers = _Workers({1: None}, {object(): 1, object(): 1})
    assert _take_answers(Ray(RayError("gone")), workers) == [Died(1, "gone")]
    workers = _Workers({1: None}, {object(): 1})
    error = RayError("prepare() failed\nTraceback (most recent call last):\n  File ...\nImportError: no torch")
    assert _take_answers(Ray(error), workers) == [Died(1, "ImportError: no torch")]


def test_it_obeys_until_the_driver_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Ray(("ready", "here", {}), ("row", {"cell": "a"}, {}))
    monkeypatch.setattr(ray_process, "make_actor_class", Actors)
    ours, theirs = Pipe()
    setup = {"home": "/pack", "plan": "", "images": {}, "threads": 2, "gpu_share": 0.0}
    thread = threading.Thread(target=_obey, args=(ray, theirs, setup, False))
    thread.start()
    ours.send(("start", 1, 1000))
    assert ours.recv() == Ready(1, "here")
    ours.send(("run", 1, "{}"))
    assert ours.recv() == Done(1, {"cell": "a"}, {})
    ours.send(("run", 9, "{}"))  # a worker that is not there
    ours.close()
    thread.join(30)
    assert not thread.is_alive()
    (options,) = ray.options
    assert (options["num_cpus"], options["memory"]) == (2, 1000)


def test_a_head_that_does_not_answer_any_more_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class EndedError(BaseException):
        pass

    def end(code: int) -> None:
        raise EndedError

    monkeypatch.setattr(ray_process, "make_actor_class", Actors)
    monkeypatch.setattr(ray_process, "_CHECK_SECONDS", -1.0)
    monkeypatch.setattr(ray_process, "answers", lambda host, port: False)
    monkeypatch.setattr("os._exit", end)
    ours, theirs = Pipe()
    setup = {"home": "/pack", "plan": "", "images": {}, "threads": 1, "gpu_share": 0.0}
    with pytest.raises(EndedError):
        _obey(Ray(), theirs, setup, True)
    assert ours.recv() == Stopped("the head of the cluster at 127.0.0.1:1 does not answer any more")
