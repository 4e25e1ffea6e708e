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
    assert found == sorted(found)
    for view, frame in enumerate(found):
        assert math.floor(view * frames / views) <= frame <= math.floor((view + 1) * frames / views)
        assert 0 <= frame < frames
    # No frame is looked at twice while another waits.
    assert max(Counter(found).values()) <= math.ceil(views / frames)


@each_case(("views", "frames"), [(24, 48), (4, 30), (6, 30), (1, 7), (2, 12), (16, 12), (24, 12)])
def test_all_frames_have_their_turns_equally_often_and_none_waits_for_long(views: int, frames: int) -> None:
    steps = 400
    for seed in (3, 11):
        turns = [spread_views(views, frames, step, seed, 0) for step in range(steps)]
        seen = Counter(frame for shown in turns for frame in shown)
        expected = steps * views / frames
        assert len(seen) == frames
        assert all(0.9 * expected <= count <= 1.1 * expected for count in seen.values())
        last = dict.fromkeys(range(frames), -1)
        longest = 0
        for step, shown in enumerate(turns):
            for frame in shown:
                longest = max(longest, step - last[frame])
                last[frame] = step
        # By the three-gap theorem a golden offset leaves no gap of more than (1 + golden ratio) times an even share.
        assert longest <= math.ceil(2.7 * frames / views)


def test_as_many_views_as_frames_is_one_each_and_twice_as_many_two() -> None:
    for step in range(5):
        assert spread_views(12, 12, step, 0, 0) == list(range(12))
        assert spread_views(24, 12, step, 0, 0) == sorted([*range(12), *range(12)])


def test_seeds_and_groups_have_offsets_of_their_own() -> None:
    def draw(seed: int, group: int) -> list[list[int]]:
        return [spread_views(3, 90, step, seed, group) for step in range(4)]

    assert draw(0, 0) == draw(0, 0)
    assert draw(0, 0) != draw(1, 0)
    assert draw(0, 0) != draw(0, 1)


def test_a_group_that_acts_on_a_part_has_its_share_of_views() -> None:
    assert [count_views(24, shown, 12) for shown in (12, 6, 1)] == [24, 12, 2]
    assert count_views(2, 1, 100) == 1


def test_frames_are_split_without_a_rest() -> None:
    for device, size in (("cpu", 1), ("meta", 16)):
        parts = list(split_frames(range(3, 40), torch.device(device)))
        assert [frame for _, part in parts for frame in part] == list(range(3, 40))
        assert [begin for begin, _ in parts] == list(range(0, 37, size))


def test_images_are_selected_in_order() -> None:
    values = torch.randn(5, 2, 3, 3)
    assert torch.equal(select_images(values, [3]), values[3:4])
    assert torch.equal(select_images(values, [0, 4, 2]), values[[0, 4, 2]])
