"""One run of a sweep, with workers in this process: what is computed, kept, added, refused and shown."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sweep_grids import FAILING, HerePool
from sweeper.errors import SweepError, SweepStoppedError
from sweeper.grid_file import read_grid
from sweeper.journal import read_journals
from sweeper.session import Session, Settings
from sweeper.table import Table

Write = Callable[..., Path]
GRID = "workflow: color.json\naxes: {1.level: [0, 0.5, 1], 1.size: [4, 8]}"


class Runs:
    """Sessions of a grid one after the other, as by the same command given again."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self.settings = {"results": folder / "results", "pack": pack, "home": folder, "input_folder": folder / "input"}
        self.settings["models"] = folder / "models"
        self.pools: list[HerePool] = []

    def open(self, path: Path, **settings: Any) -> Session:
        session = Session(read_grid(path), Settings(**self.settings | {"workers": 2} | settings), io.StringIO())

        def open_pool(home: Path, files: str) -> HerePool:
            self.pools.append(HerePool(session._plan))
            return self.pools[-1]

        session._open_pool = open_pool  # type: ignore[method-assign, assignment]
        return session

    @property
    def ran(self) -> list[list[str]]:
        """The cells that each run has computed."""
        return [pool.ran for pool in self.pools]

    def rows(self) -> list[dict[str, Any]]:
        return Table(self.settings["results"] / "table.parquet").rows()


@pytest.fixture
def runs(tmp_path: Path, pack: Path) -> Runs:
    return Runs(tmp_path, pack)


def test_every_cell_has_a_row_and_a_later_run_computes_only_what_is_new(runs: Runs, write_grid: Write) -> None:
    path = write_grid(GRID)
    assert runs.open(path).run() == (6, 0)
    before = runs.rows()
    assert len({row["cell"] for row in before}) == 6
    assert runs.open(path).run() == (6, 0)
    assert runs.rows() == before
    assert [len(ran) for ran in runs.ran] == [6]
    assert not list(read_journals(runs.settings["results"] / "journal"))
    assert runs.open(write_grid(GRID.replace("[4, 8]", "[8, 16]"))).run() == (6, 0)
    assert [len(ran) for ran in runs.ran] == [6, 3]
    assert len(runs.rows()) == 9


def test_after_a_crash_the_rows_in_the_journals_count(runs: Runs, write_grid: Write, monkeypatch: Any) -> None:
    path, run = write_grid(GRID), HerePool.wait

    def wait(pool: HerePool, seconds: float) -> Any:
        if len(pool.ran) == 4:
            raise KeyboardInterrupt
        return run(pool, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(HerePool, "wait", wait)
        # What a killed driver leaves: no table, only journals.
        patched.setattr(Session, "_settle", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            runs.open(path).run()
    assert not (runs.settings["results"] / "table.parquet").exists()
    assert runs.open(path).run() == (6, 0)
    assert [len(ran) for ran in runs.ran] == [4, 2]
    assert not set(runs.ran[0]) & set(runs.ran[1])


def test_ctrl_c_keeps_what_is_done_in_the_table(runs: Runs, write_grid: Write, monkeypatch: Any) -> None:
    path, run = write_grid(GRID), HerePool.wait

    def wait(pool: HerePool, seconds: float) -> Any:
        if len(pool.ran) == 3:
            raise KeyboardInterrupt
        return run(pool, seconds)

    with monkeypatch.context() as patched:
        patched.setattr(HerePool, "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            runs.open(path).run()
    assert len(runs.rows()) == 3
    assert runs.open(path).run() == (6, 0)


def test_the_journal_of_a_worker_that_has_not_ended_stays(runs: Runs, write_grid: Write, monkeypatch: Any) -> None:
    path = write_grid(GRID)
    with monkeypatch.context() as patched:
        patched.setattr(HerePool, "__exit__", lambda *_: None)
        runs.open(path).run()
    journals = runs.settings["results"] / "journal"
    assert len(runs.rows()) == 6
    assert sum(len(rows) for _, rows in read_journals(journals)) == 6
    runs.pools[0].__exit__()
    assert runs.open(path).run() == (6, 0)
    assert len(runs.rows()) == 6
    assert not list(journals.iterdir())


def test_cells_that_failed_are_done_again_when_asked(runs: Runs, write_grid: Write) -> None:
    path = write_grid("workflow: color.json\naxes: {1.level: [0, 1]}", FAILING)
    assert runs.open(path).run() == (0, 2)
    assert {row["message"] for row in runs.rows()} == {"node 3 (TOY_Fail): no class 'tabbi'"}
    assert runs.open(path).run() == (0, 2)
    assert runs.open(path, retry=True).run() == (0, 2)
    assert [len(ran) for ran in runs.ran] == [2, 2]
    assert len(runs.rows()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_stops_it_and_with_room_it_goes_on(runs: Runs, write_grid: Write, monkeypatch: Any) -> None:
    path, start = write_grid(GRID), HerePool.start_worker

    def start_full(pool: HerePool, memory: int) -> int:
        number = start(pool, memory)
        (runs.settings["results"] / "journal" / f"here-{id(pool)}-{number}.jsonl").symlink_to("/dev/full")
        return number

    with monkeypatch.context() as patched:
        patched.setattr(HerePool, "start_worker", start_full)
        with pytest.raises(SweepStoppedError, match="No space left"):
            runs.open(path).run()
    for journal in (runs.settings["results"] / "journal").iterdir():
        journal.unlink()
    assert runs.open(path).run() == (6, 0)


def test_of_a_cell_that_was_cut_off_nothing_is_left(
    runs: Runs, write_grid: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, remains = write_grid(GRID), runs.settings["results"] / "pictures" / ".part-worker"

    def wait(pool: HerePool, seconds: float) -> Any:
        remains.mkdir()
        raise SweepStoppedError("full")

    monkeypatch.setattr(HerePool, "wait", wait)
    with pytest.raises(SweepStoppedError, match="full"):
        runs.open(path).run()
    assert not remains.exists()


def test_a_dry_run_lists_and_measures_and_keeps_nothing(runs: Runs, write_grid: Write) -> None:
    words = runs.open(write_grid(GRID)).rehearse()
    assert words.startswith("6 cells:\n  ")
    assert "1.level=0, 1.size=4" in words
    assert "6 cells on 2 workers" in words
    assert not runs.settings["results"].exists()
    with pytest.raises(SweepError, match="the first cell fails: node 3"):
        runs.open(write_grid(GRID, FAILING)).rehearse()


def test_results_of_another_sweep_are_not_touched(runs: Runs, write_grid: Write) -> None:
    runs.open(write_grid(GRID)).run()
    with pytest.raises(SweepError, match="holds the results of another sweep, 'grid'; this one is 'other'"):
        runs.open(write_grid(GRID, name="other.yaml")).run()


def test_sheet_and_page_show_what_is_there(runs: Runs, write_grid: Write) -> None:
    session = runs.open(write_grid(GRID))
    session.run()
    said: list[str] = []
    session.show(said.append)
    home = runs.settings["results"]
    assert said == [str(home / "sheet.png"), str(home / "index.html")]
    assert Image.open(home / "sheet.png").width > 300
    data = json.loads(
        (home / "index.html").read_text(encoding="utf-8").split('type="application/json">')[1].split("</script>")[0]
    )
    assert [cell["values"]["1.size"] for cell in data["cells"]] == [4, 8] * 3
    assert all(cell["image"].startswith("data:image/jpeg") for cell in data["cells"])


def test_another_version_of_the_pack_is_said(runs: Runs, write_grid: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeper.session.describe_pack", lambda folder: "old")
    runs.open(write_grid(GRID)).run()
    monkeypatch.setattr("sweeper.session.describe_pack", lambda folder: "new")
    session = runs.open(write_grid(GRID.replace("[4, 8]", "[4, 8, 16]")))
    session.run()
    assert "rows of old stay; new ones are of new" in session._stream.getvalue()  # type: ignore[attr-defined]


def test_there_is_nothing_to_show_before_the_first_run(runs: Runs, write_grid: Write) -> None:
    with pytest.raises(SweepError, match="no results in"):
        runs.open(write_grid(GRID)).show(print)


def test_only_this_repository_is_sent_to_a_cluster(runs: Runs, write_grid: Write) -> None:
    session = Session(read_grid(write_grid(GRID)), Settings(**runs.settings, address="127.0.0.1:1"), io.StringIO())
    with pytest.raises(SweepError, match="--pack with --address needs --files shared"):
        session.run()


def test_the_judge_is_checked_before_anything_runs(runs: Runs, write_grid: Write) -> None:
    with pytest.raises(SweepError, match="judge: no node '7'"):
        runs.open(write_grid(GRID + "\njudge: {class: 7.classes}"))
    with pytest.raises(
        SweepError, match="judge: image: no output node 'Save Imag' runs; nearest: Save Image, SaveImage"
    ):
        runs.open(write_grid(GRID + "\njudge: {text: 1.size, image: Save Imag}"))
    runs.open(write_grid(GRID + "\njudge: {text: 1.size, image: Save Image}"))
    session = runs.open(write_grid(GRID + "\njudge: {text: 1.size}"))
    assert session._plan.choices == ["4", "8"]
