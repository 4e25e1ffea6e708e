"""Cells of no workflow on a real Ray of this machine: workers that die, cells that fail, and what is done again."""

import io
import pickle
import subprocess
import sys
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest

from cases import each_case, refuses
from das_core.runs import engine
from das_core.runs.cells import Cell, Machine, Row, RunsError, RunsStoppedError, Worker, Workers, count_workers
from das_core.runs.engine import EXCLUDED, connect, list_results_here, pickle_for_workers, run_cells
from das_core.runs.results import Results
from repository import REPOSITORY
from sweep_grids import act


def make_cells(notes: Path, *tasks: str) -> list[Cell]:
    notes.mkdir(exist_ok=True)
    return [Cell(f"{number:032x}", {"what": what}, (what, str(notes))) for number, what in enumerate(tasks)]


def test_workers_that_die_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`act` kills its process as kill -9 does: Ray starts another, and gives it the cell again."""
    notes, results, stream = tmp_path / "notes", Results(tmp_path / "results"), io.StringIO()
    cells = make_cells(notes, "plain", "die once", "fail", "die", "last")
    with results.claim("mine"):
        # A single worker measures how many there is room for.
        assert run_cells(cells, act, results, Workers(), stream) == (3, 2)
        assert "room for" in stream.getvalue()
        assert [results.rows[cell.hash]["status"] for cell in cells] == ["ok", "ok", "failed", "failed", "ok"]
        assert [results.rows[cells[number].hash]["attempts"] for number in (0, 1, 4)] == [1, 2, 1]
        failed, died = (results.rows[cells[number].hash] for number in (2, 3))
        assert failed["message"].startswith("ValueError: no such luck (sweep_grids.py:")
        assert died["message"].startswith("3 workers died while they ran this cell; the last one: ")
        assert len(list(notes.glob("die[0-9]"))) == 3
        assert results.rows[cells[0].hash]["peak_bytes"] > 2**20
        (name,) = results.rows[cells[0].hash]["pictures"]
        assert (results.path / name).read_text() == "plain"
        monkeypatch.setattr(engine, "list_results", list_results_here)
        before = {path.name for path in notes.iterdir()}
        more = [*cells, *make_cells(notes, *"12345", "new")[-1:]]
        assert run_cells(more, act, results, Workers(), stream) == (4, 2)
        assert {path.name for path in notes.iterdir()} - before == {"new0"}
    again = Results(tmp_path / "results")
    again.read()
    assert again.rows == results.rows


def test_cells_that_failed_run_again_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_one(*given: Any) -> Any:
        yield next(list_results_here(*given))
        raise RunsStoppedError("the cluster has gone away")

    monkeypatch.setattr(engine, "list_results", list_results_here)
    cells, results = make_cells(tmp_path / "notes", "fail", "plain"), Results(tmp_path / "results")
    with results.claim("mine"):
        assert run_cells(cells, act, results, Workers(), io.StringIO()) == (1, 1)
        assert run_cells(cells, act, results, Workers(), io.StringIO(), retry=True) == (1, 1)
        assert sorted(path.name for path in (tmp_path / "notes").iterdir()) == ["fail0", "fail1", "plain0"]
        monkeypatch.setattr(engine, "list_results", list_one)
        (results.path / "table.parquet").unlink()
        with pytest.raises(RunsStoppedError, match="gone away"):
            run_cells(make_cells(tmp_path / "notes", "1", "2", "a", "b"), act, results, Workers(), io.StringIO())
    assert (results.path / "table.parquet").is_file()
    assert len(results.rows) == 3


def refuse(task: Any, folder: Path) -> Row:
    raise RunsStoppedError("the pack has changed")


def fill(task: Any, folder: Path) -> Row:
    raise ValueError("node 1") from OSError(28, "No space left on device")


test_what_is_no_fault_of_a_cell_concerns_all_cells = refuses(
    lambda run_one: Worker(run_one, 1).run(None),
    (pickle.dumps(refuse), "the pack has changed"),
    (pickle.dumps(fill), "nothing more can be written: No space left on device; make room"),
    (b"cgone\nact\n.", "a worker cannot start: ModuleNotFoundError: No module named 'gone'"),
    error=RunsStoppedError,
)


def test_workers_get_what_they_cannot_import(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local:
        def __init__(self, held: Any = None) -> None:
            self.held = held

        def __call__(self, task: Any, folder: Path) -> Row:
            return {"said": task}

    assert Worker(pickle_for_workers(Local())).run("hello")[0]["said"] == "hello"
    with pytest.raises(RunsError, match=r"cannot be sent to them \(TypeError: .*lock.*; leave workers out"):
        pickle_for_workers(Local(Lock()))
    monkeypatch.setitem(sys.modules, "ray", None)
    for need in (lambda: pickle_for_workers(Local()), lambda: connect(None)):
        with pytest.raises(RunsError, match=r"workers and clusters need Ray .*pip install ray"):
            need()


@each_case("system", "", "import signal\ndel signal.pthread_sigmask\n")  # The second is like Windows.
def test_a_script_that_runs_cells_is_not_run_again(tmp_path: Path, system: str) -> None:
    """It has no `if __name__ == "__main__"`, before which Python's own processes begin."""
    code = f"{system}import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\nfrom pathlib import Path\n"
    code += "from das_core.runs.engine import Workers, list_results\nprint('once')\n"
    code += f"list(list_results([], b'', Workers('127.0.0.1:1'), Path({str(tmp_path / 'log')!r})))"
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True)
    assert "RunsError: no Ray cluster answers at --address 127.0.0.1:1" in done.stderr
    assert done.stdout == "once\n"


@each_case("workers", Workers(number=-1), Workers(threads=0), Workers(per_gpu=0))
def test_workers_that_there_cannot_be_are_refused(tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(RunsError, match=r"workers: (number is -1; give 0|threads is 0; give 1|per_gpu is 0; give 1)"):
        run_cells(make_cells(tmp_path / "notes", "plain"), act, Results(tmp_path), workers, io.StringIO())


@each_case(
    ("machines", "workers", "found"),
    ([Machine(8, 100)], Workers(), (8, "8 cores / 1 and")),
    ([Machine(8, 30)], Workers(threads=3), (2, "8 cores / 3 and")),
    ([Machine(8, 30), Machine(2, 5)], Workers(), (3, "10 cores / 1 and")),
    ([Machine(1, 5)], Workers(), (1, "1 cores / 1 and")),
    # Where there are GPUs, every worker uses one.
    ([Machine(8, 100, 2), Machine(8, 100)], Workers(), (2, "2 GPUs x 1, 16 cores / 1 and")),
    ([Machine(8, 100, 2)], Workers(per_gpu=3), (6, "2 GPUs x 3, 8 cores / 1 and")),
)
def test_how_many_workers_there_is_room_for(machines: list[Machine], workers: Workers, found: tuple[int, str]) -> None:
    number, reason = count_workers(machines, workers, 9)
    assert (number, reason.split(" 0.0")[0]) == found


@each_case("address", "127.0.0.1", "ray://127.0.0.1:1", ":1", "127.0.0.1:99999")
def test_a_cluster_that_is_not_there_is_found_at_once(address: str) -> None:
    with pytest.raises(RunsError, match=rf"no Ray cluster answers at --address {address} \(.*write HOST:PORT"):
        connect(address)


def test_where_ray_does_not_start_the_likely_reason_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def init(address: str, **options: Any) -> None:
        given.update(options)
        if address == "auto" or len(sys.executable) > 99:
            raise ConnectionError("no")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, exceptions=SimpleNamespace(RayError=KeyError)))
    with pytest.raises(RunsError, match=r"Ray does not start \(no\); run this on a machine of the cluster; if it has"):
        connect("auto")
    # Ray puts the path of Python, as it is, into a line for a shell.
    for python, quoted in (("/my/python", None), ("/it's my/python", "'/it'\"'\"'s my/python'")):
        monkeypatch.setattr(sys, "executable", python)
        connect(None)
        assert given["runtime_env"].get("py_executable") == quoted
    monkeypatch.setattr(sys, "executable", "x" * 100)
    with pytest.raises(RunsError, match=r"\(no\); its folder for temporary files may be full; RAY_TMPDIR"):
        connect(None)


def test_no_folder_of_the_code_is_left_behind() -> None:
    folders = {f"/{path.name}" for path in REPOSITORY.iterdir()} & {"/das_core", "/nodes", "/tools"}
    assert len(folders) == 3
    assert not folders & set(EXCLUDED)
