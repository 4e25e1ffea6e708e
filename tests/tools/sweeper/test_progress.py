"""Progress: what is counted, and when it is shown."""

import io

from sweeper.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(status: str = "ok", seconds: float = 4.0) -> dict[str, object]:
    return {"status": status, "seconds": seconds}


def test_it_counts_and_estimates() -> None:
    now = [0.0]
    progress = Progress(10, io.StringIO(), lambda: now[0])
    assert progress.describe(0) == "0 done, 0 failed, 10 left, 0 workers, 00:00 passed"
    progress.add(row())
    progress.add(row("failed", 2.0))
    now[0] = 65
    # Eight cells of 3 s, of which two are half done, on two workers.
    assert progress.describe(2) == "1 done, 1 failed, 8 left, 2 workers, 01:05 passed, 00:10 left"
    assert progress.left == 8


def test_a_log_gets_a_line_now_and_then_and_the_last_one() -> None:
    now, stream = [0.0], io.StringIO()
    progress = Progress(2, stream, lambda: now[0])
    for second in range(12):
        now[0] = second
        progress.show(1)
    progress.add(row())
    progress.show(1)
    progress.add(row())
    progress.show(1)
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == ["0 done", "0 done", "2 done"]


def test_a_terminal_gets_one_line_that_is_written_over() -> None:
    now, stream = [0.0], Terminal()
    progress = Progress(1, stream, lambda: now[0])
    progress.show(1)
    progress.say("a worker died")
    now[0] = 1
    progress.add(row())
    progress.show(1)
    shown = stream.getvalue()
    assert shown.startswith("\r0 done")
    assert "\ra worker died\n" in shown
    assert shown.endswith("passed" + shown[-1:])
    assert shown.endswith("\n")
