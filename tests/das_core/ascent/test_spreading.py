"""Which frame of a film each view shows, and the frames that a device processes at once."""

import math
from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import each_case
from das_core.ascent.spreading import count_views, select_images, split_frames, spread_views


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 500), st.integers(0, 2**31))
def test_every_part_of_the_film_has_one_view(views: int, frames: int, step: int, seed: int) -> None:
    found = spread_views(views, frames, step, seed, 0)
    assert len(found) == views
    for view, frame in enumerate(found):
        assert math.floor(view * frames / views) <= frame <= math.floor((view + 1) * frames / views)
        assert 0 <= frame < frames
    # No frame is looked at twice while another waits.
    assert max(Counter(found).values()) <= math.ceil(views / frames)


@each_case(("views", "frames"), [(24, 48), (4, 30), (1, 7), (16, 12)])
def test_all_frames_have_their_turns_equally_often_and_none_waits_for_long(views: int, frames: int) -> None:
    steps = 400
    turns = [spread_views(views, frames, step, 3, 0) for step in range(steps)]
    seen = Counter(frame for shown in turns for frame in shown)
    expected = steps * views / frames
    assert len(seen) == frames
    assert all(0.9 * expected <= count <= 1.1 * expected for count in seen.values())
    longest, last = 0, dict.fromkeys(range(frames), -1)
    for step, shown in enumerate(turns):
        for frame in shown:
            longest, last[frame] = max(longest, step - last[frame]), step
    # By the three-gap theorem a golden offset leaves no gap of more than (1 + golden ratio) times an even share.
    assert longest <= math.ceil(2.7 * frames / views)


def test_seeds_and_groups_have_offsets_of_their_own() -> None:
    first, again, seed, group = (
        [spread_views(3, 90, step, *key) for step in range(4)] for key in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    assert first == again
    assert seed != first != group


def test_a_group_that_acts_on_a_part_has_its_share_of_views() -> None:
    assert [count_views(24, shown, 12) for shown in (12, 6, 1)] == [24, 12, 2]
    assert count_views(2, 1, 100) == 1


@each_case("device, size", [("cpu", 1), ("meta", 16)])
def test_frames_are_split_without_a_rest_and_selected_in_order(device: str, size: int) -> None:
    parts = list(split_frames(range(3, 40), torch.device(device)))
    assert [frame for _, part in parts for frame in part] == list(range(3, 40))
    assert [begin for begin, _ in parts] == list(range(0, 37, size))
    values = torch.randn(5, 2, 3, 3)
    assert torch.equal(select_images(values, [3]), values[3:4])
    assert torch.equal(select_images(values, [0, 4, 2]), values[[0, 4, 2]])
