"""What Optimize shows: the step, the time that is left, the scores that fit, and previews."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

import pytest

from cases import each_case
from das_core.objectives.priors import prior
from das_core.objectives.term import Term
from loaded_pack import Pack


class Named(dict[str, tuple[Term, ...]]):
    """Parts of any name, whose scores are percentages."""

    def __missing__(self, name: str) -> tuple[Term, ...]:
        return (replace(prior().list_terms()[0], describe="{:.0%}".format),)


NAMED = Named()


@pytest.fixture
def status(pack: Pack) -> ModuleType:
    return pack.module("nodes.ascent.status")


def clock(*times: float) -> Callable[[], float]:
    """A clock that shows these times one after the other."""
    shown: Iterator[float] = iter(times)
    return lambda: next(shown)


def test_a_step_says_its_number_what_is_left_and_its_score(status: ModuleType) -> None:
    line = status.Status(100, NAMED, clock(0, 5, 6, 8))
    # The first step, which took five seconds, takes longer than others.
    assert line.describe_step(1, {"jellyfish": 0.0}) == "step 1/100 · up to 8 min left ·\njellyfish 0%"
    assert line.describe_step(2, {"jellyfish": 0.1234}) == "step 2/100 · 98 s left ·\njellyfish 12%"
    assert line.describe_step(3, {"jellyfish": 0.5}) == "step 3/100 · 2 min left ·\njellyfish 50%"


def test_the_time_that_is_left_is_that_of_the_last_steps(status: ModuleType) -> None:
    # Ten slow steps, then one that was interrupted by something else among quick ones.
    ends = [10 * number for number in range(11)] + [101, 102, 103, 143, 144, 145, 146, 147]
    line = status.Status(50, NAMED, clock(0, *ends[1:]))
    said = [line.describe_step(done, {"x": 0}) for done in range(1, len(ends))]
    assert said[9].startswith("step 10/50 · 7 min left ·\n")
    assert said[-1].startswith("step 18/50 · 32 s left ·\n")


@each_case(
    ("scores", "shown"),
    ({"jellyfish": 0.12, "goldfish": 0.41}, "jellyfish 12% · goldfish 41%"),
    ({"a coral reef full of fish": 0.3, "a castle on a hill": 0.5}, "a coral reef full o… 30% · 1 more"),
    ({"a": 1, "b": 2, "c": 3}, "a 100% · b 200% · c 300%"),
    ({"on two\nlines": 0}, "on two lines 0%"),
    ({"lost": float("nan")}, "lost nan%"),
)
def test_as_many_scores_are_shown_as_have_room(status: ModuleType, scores: dict[str, float], shown: str) -> None:
    assert status.Status(1, NAMED, clock(0, 1)).describe_end(1, scores) == f"1 steps in 1 s ·\nfinal: {shown}"


def test_the_end_says_how_long_it_took(status: ModuleType) -> None:
    for seconds, line in ((99, "3 steps in 99 s"), (130, "3 steps in 2 min"), (7500, "3 steps in 2 h 5 min")):
        assert status.Status(3, NAMED, clock(0, seconds)).describe_end(3, {"x": 0.5}) == f"{line} ·\nfinal: x 50%"
    early = status.Status(3, NAMED, clock(0, 0.2)).describe_end(2, {"x": 0.5})
    assert early == "finished at step 2/3 in 0 s ·\nfinal: x 50%"


def test_a_score_is_written_as_its_objective_says(status: ModuleType, pack: Pack) -> None:
    objective = pack.objective(score="log_probability")
    line = status.Status(1, {"class 3": objective.terms}, clock(0, 1))
    assert line.describe_end(1, {"class 3": -0.222}) == "1 steps in 1 s ·\nfinal: class 3 80%"


def test_a_score_that_does_not_tell_good_from_bad_is_left_out(status: ModuleType, pack: Pack) -> None:
    line = status.Status(1, {"class 3": pack.objective(score="logit").terms}, clock(0, 1))
    assert line.describe_end(1, {"class 3": -0.652}) == "1 steps in 1 s"


def shown(status: ModuleType, every: int, *times: float) -> list[int]:
    """The steps after which the picture is shown, when they end at these times; the last one is the last of all."""
    ticks: Iterator[float] = iter((0.0, *times))
    plan = status.Previews(every, lambda: next(ticks))
    return [done for done in range(1, len(times) + 1) if plan.is_due(done, last=done == len(times))]


QUICK = [number / 10 for number in range(1, 12)]
SLOW = [3, 6, 9, 12, 15, 18, 21]


@each_case(
    ("times", "every", "steps"),
    (QUICK, 0, [11]),
    (QUICK, 5, [1, 5, 10, 11]),
    (SLOW, 0, [7]),
    (SLOW, 1000, [1, 3, 5, 7]),
    # The clock starts anew with every picture.
    # 1: the first. 2: the second that is asked for. 4: that too, and not 3, one second after it.
    ([4, 8, 9, 13, 15, 17], 2, [1, 2, 4, 6]),
)
def test_when_the_picture_is_shown(status: ModuleType, times: list[float], every: int, steps: list[int]) -> None:
    assert shown(status, every, *times) == steps


@each_case(
    ("node", "count", "shown", "columns"),
    ("FilmStack", 2, [0, 1], 2),
    ("FilmStack", 18, [*range(8), *range(9, 16), 17], 4),
    ("ZoomStack", 4, [0, 1, 2, 3], 2),
)
def test_of_a_film_or_a_zoom_some_pictures_are_shown_on_a_sheet(
    status: ModuleType, pack: Pack, node: str, count: int, shown: list[int], columns: int
) -> None:
    stack = pack.stack(batch_size=count, start={"start": "noise", "amplitude": 1.0, "decay": 0.4})
    (series,) = pack.run(f"DAS_{node}", stack=stack, **{"frames" if node == "FilmStack" else "depths": count})
    (sheet,) = status.draw_sheet(series)
    side = 64 // columns
    assert sheet.shape[1:] == ((side + 2) * -(-len(shown) // columns) + 2, (side + 2) * columns + 2)
    for place, frame in enumerate(shown):
        row, column = divmod(place, columns)
        top, left = 2 + row * (side + 2), 2 + column * (side + 2)
        tile = sheet[:, top : top + side, left : left + side]
        assert tile.mean(dim=(1, 2)) == pytest.approx(series.image()[frame].mean(dim=(1, 2)), abs=0.02)


@each_case(("count", "side"), (1, (64, 64)), (4, (134, 134)), (5, (48, 71)), (20, (74, 74)))
def test_of_a_batch_four_are_shown_whole_and_more_of_them_smaller(
    status: ModuleType, pack: Pack, count: int, side: tuple[int, int]
) -> None:
    stack = pack.stack(batch_size=count)
    assert status.draw_sheet(stack).shape == (1, 3, *side)
    assert status.measure_sheet(stack)[0] == min(count, 16)
