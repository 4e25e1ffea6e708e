"""Connecting to Ray: addresses that lead nowhere, and what workers ask for."""

import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cases import each_case
from repository import REPOSITORY
from sweeper.errors import SweepError
from sweeper.ray_cluster import EXCLUDED, answers, check_address, connect, list_machines, make_options
from sweeper.worker_count import Machine


@each_case("address", ["here", "127.0.0.1", "127.0.0.1:port", "ray://127.0.0.1:10001", ":6379"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SweepError, match="write HOST:PORT of the head"):
        check_address(address)


def test_a_cluster_that_is_not_there_is_found_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SweepError, match=f"no Ray cluster at 127.0.0.1:{port}: nothing answers there"):
        check_address(f"127.0.0.1:{port}")
    check_address("auto")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert answers("127.0.0.1", listening.getsockname()[1])


def test_no_folder_of_the_code_is_left_behind() -> None:
    folders = {f"/{path.name}" for path in REPOSITORY.iterdir()} & {"/das_core", "/nodes", "/tools", "/benchmarks"}
    assert len(folders) == 4
    assert not folders & set(EXCLUDED)
    assert all(name.startswith(("/", "*", "__")) for name in EXCLUDED), "else das_core/models would be left out too"


@each_case(
    ("python", "shipped", "sent"),
    [
        ("/home/me/pack/.venv/bin/python", None, None),
        ("/home/me/my pack/.venv/bin/python", None, {"py_executable": "'/home/me/my pack/.venv/bin/python'"}),
        (
            "/it's/python",
            Path("/pack"),
            {"working_dir": "/pack", "excludes": list(EXCLUDED), "py_executable": "'/it'\"'\"'s/python'"},
        ),
    ],
)
def test_workers_start_where_the_path_of_python_has_a_space(
    monkeypatch: pytest.MonkeyPatch, python: str, shipped: Path | None, sent: dict[str, Any] | None
) -> None:
    """Ray puts the path of Python, as it is, into a line for a shell."""
    given: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=given.update, exceptions=None))
    monkeypatch.setattr(sys, "executable", python)
    connect(None, shipped)
    assert given["runtime_env"] == sent


def test_where_ray_does_not_start_the_likely_reason_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise RuntimeError("Timed out waiting for file")

    kinds = SimpleNamespace(RayError=RuntimeError, AuthenticationError=PermissionError)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, exceptions=kinds))
    with pytest.raises(SweepError, match=r"may be full \(RAY_TMPDIR names another\): Timed out waiting for file"):
        connect(None)


def test_what_a_worker_asks_for() -> None:
    assert make_options(2, 0, 0.0) == {
        "num_cpus": 2, "num_gpus": 0.0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "2"}}
    }  # fmt: skip
    options = make_options(1, 1000, 0.5)
    assert (options["memory"], options["num_gpus"]) == (1000, 0.5)


def test_machines_that_are_gone_do_not_count() -> None:
    class Ray:
        @staticmethod
        def nodes() -> list[dict[str, object]]:
            node = {"Alive": True, "NodeManagerAddress": "10.0.0.1", "NodeManagerPort": 7, "Resources": {"CPU": 4.0}}
            return [node, node | {"Alive": False}, node | {"Resources": {"CPU": 2.0, "GPU": 1.0, "memory": 5e9}}]

    assert list_machines(Ray) == [Machine("10.0.0.1:7", 4, 0, 0), Machine("10.0.0.1:7", 2, 5_000_000_000, 1)]
