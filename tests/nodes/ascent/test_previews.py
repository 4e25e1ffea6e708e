"""When the picture is shown: first, every so many steps, and after some seconds in any case."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from cases import each_case
from loaded_pack import Pack


@pytest.fixture
def previews(pack: Pack) -> ModuleType:
    return pack.module("nodes.ascent.previews")


def shown(previews: ModuleType, every: int, *times: float) -> list[int]:
    """The steps after which the picture is shown, when they end at these times; the last one is the last of all."""
    ticks: Iterator[float] = iter((0.0, *times))
    plan = previews.Previews(every, lambda: next(ticks))
    return [done for done in range(1, len(times) + 1) if plan.is_due(done, last=done == len(times))]


QUICK = [number / 10 for number in range(1, 12)]
SLOW = [3, 6, 9, 12, 15, 18, 21]


@each_case(
    ("times", "every", "steps"),
    [
        (QUICK, 0, [11]),
        (QUICK, 1, list(range(1, 12))),
        (QUICK, 5, [1, 5, 10, 11]),
        (QUICK, 1000, [1, 11]),
        (SLOW, 0, [7]),
        (SLOW, 5, [1, 3, 5, 7]),
        (SLOW, 1000, [1, 3, 5, 7]),
        # The clock starts anew with every picture.
        # 1: the first. 2: the second that is asked for. 4: that too, and not 3, one second after it.
        ([4, 8, 9, 13, 15, 17], 2, [1, 2, 4, 6]),
    ],
)
def test_quick_steps_are_shown_by_their_number_and_slow_ones_by_the_clock(
    previews: ModuleType, times: list[float], every: int, steps: list[int]
) -> None:
    assert shown(previews, every, *times) == steps


@each_case(("frames", "shown", "columns"), [(2, [0, 1], 2), (12, [0, 1, 2, 4, 5, 6, 8, 9, 11], 3)])
def test_of_a_film_some_frames_are_shown_on_a_sheet(
    previews: ModuleType, pack: Pack, frames: int, shown: list[int], columns: int
) -> None:
    stack = pack.stack(batch_size=frames, start={"start": "noise", "amplitude": 1.0, "decay": 0.4})
    (film,) = pack.run("DAS_FilmStack", stack=stack, frames=0)
    (sheet,) = previews.choose_shown(film)
    side = 64 // columns
    assert sheet.shape[1:] == ((side + 2) * -(-len(shown) // columns) + 2, (side + 2) * columns + 2)
    for place, frame in enumerate(shown):
        row, column = divmod(place, columns)
        top, left = 2 + row * (side + 2), 2 + column * (side + 2)
        tile = sheet[:, top : top + side, left : left + side]
        assert tile.mean(dim=(1, 2)) == pytest.approx(film.image()[frame].mean(dim=(1, 2)), abs=0.02)
    assert torch.equal(previews.choose_shown(stack), stack.image())


def test_of_a_zoom_the_depths_are_shown_on_a_sheet(previews: ModuleType, pack: Pack) -> None:
    stack = pack.stack(batch_size=4, start={"start": "noise", "amplitude": 1.0, "decay": 0.4})
    (zoom,) = pack.run("DAS_ZoomStack", stack=stack, depths=4)
    (sheet,) = previews.choose_shown(zoom)
    assert sheet.shape[1:] == (2 * 34 + 2, 2 * 34 + 2)
    assert sheet[:, 36:68, 2:34].mean(dim=(1, 2)) == pytest.approx(zoom.image()[2].mean(dim=(1, 2)), abs=0.02)
