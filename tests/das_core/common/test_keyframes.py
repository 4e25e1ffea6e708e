import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.keyframes import has_keyframes, parse_keyframes, parse_numbers

THREE = {0: "a castle", 24: "a volcano", 48: "a coral reef"}
WAYS = (
    "0:a castle/24:a volcano/48:a coral reef",
    " \n0: a castle\n\n  24: a volcano,\n48: a coral reef\n",
    '"0" :"a castle",\n"24" :"a volcano",\n"48" :"a coral reef"',
    '{\n  "0": "a castle",\n  "24": "a volcano",\n  "48": "a coral reef",\n}',
    "{'0': 'a castle', '24': 'a volcano', '48': 'a coral reef'}",
    "48: a coral reef / 0: a castle / 24: a volcano",
    "0\uff1aa castle / 24\uff1aa volcano / 48\uff1aa coral reef",
)
"""Texts that people write for `THREE`."""


@each_case(
    ("text", "wishes"),
    *((text, THREE) for text in WAYS),
    # What only looks like a keyframe belongs to the wish.
    ("0: a film in 16:9 / 12: a clock at 10:30", {0: "a film in 16:9", 12: "a clock at 10:30"}),
    ("0: black/white photo, 3 cats / 5: a/b", {0: "black/white photo, 3 cats", 5: "a/b"}),
    ("0: a castle: 2\nwater: -0.5\n9: fog", {0: "a castle: 2\nwater: -0.5", 9: "fog"}),
    ('"0": "a castle, 1990", "8": "it\'s late"', {0: "a castle, 1990", 8: "it's late"}),
    ("007: 107", {7: "107"}),
    ("0\uff1a\u6d77\u62a5\uff1a\u57ce\u5821", {0: "\u6d77\u62a5\uff1a\u57ce\u5821"}),
)
def test_schedules_as_people_write_them_are_read(text: str, wishes: dict[int, str]) -> None:
    assert has_keyframes(text)
    assert list(parse_keyframes(text).items()) == list(wishes.items())


@each_case("text", "", "a castle / 24: a volcano", "a clock at 10:30", "16:9", "0 a castle", "-1: a castle")
def test_a_text_without_a_keyframe_is_none(text: str) -> None:
    assert not has_keyframes(text)
    with pytest.raises(ValueError, match="does not begin with a keyframe; write '0: a castle / 24: a volcano'"):
        parse_keyframes(text)


@each_case(
    ("text", "numbers"),
    ("24: -1.5, 0: (0.2)", {0: 0.2, 24: -1.5}),
    ('{"0": "0.2", "24": "-1.5"}', {0: 0.2, 24: -1.5}),
    ("\n0:.2\n\n24\uff1a-15e-1\n", {0: 0.2, 24: -1.5}),
    ("1000000: 3", {10**6: 3.0}),
    ("0, 0.5, 1", [0.0, 0.5, 1.0]),
    ("0 0.5\n(1),", [0.0, 0.5, 1.0]),
)
def test_numbers_are_read_by_the_frame_and_numbers_alone_are_one_for_each(
    text: str, numbers: dict[int, float] | list[float]
) -> None:
    assert parse_numbers(text) == numbers


@each_case(
    ("parse", "text", "says"),
    (parse_keyframes, "0: fog / 00: rain", "keyframe 0 stands there twice, with 'fog' and 'rain'; leave one out"),
    (parse_keyframes, "0: fog / 24:", "keyframe 24 is empty; write '24: a castle', or leave it out"),
    (parse_keyframes, '"0": "", "24": "rain"', "keyframe 0 is empty"),
    (parse_keyframes, "0: fog / 1000001: rain", "keyframe 1000001 is beyond all films; write numbers from 0 to 1"),
    (parse_keyframes, "0: fog / " + "9" * 5000 + ": rain", "keyframe 9+… is beyond all films"),
    (parse_numbers, " / ,", "there is no number; write keyframes such as '0: 0.2 / 24: 1', or a number for ev"),
    (parse_numbers, "0: 0.2, 1", "'0.2 / 1' is not a number; write"),
    (parse_numbers, "0: 1 / 0: 2", "keyframe 0 stands there twice, with '1' and '2'; leave one out"),
    (parse_numbers, "0.5: 1", "'0.5: 1' does not begin with a keyframe; write '0: 0.2 / 24: 1'"),
    (parse_numbers, "1000001: 1", "keyframe 1000001 is beyond all films"),
    (parse_numbers, "0: fog", "'fog' is not a number; write '0: 0.2 / 24: 1'"),
    (parse_numbers, "0:", "keyframe 0 is empty; write '0: 0.2', or leave it out"),
    (parse_numbers, "1, 1e400", "'1e400' is not a number"),
)
def test_what_cannot_be_read_is_named(parse: Callable[[str], object], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        parse(text)
    assert len(str(refused.value)) < 300


@given(st.text(max_size=60) | st.text(alphabet="0123456789:./,-() e\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    # Anything but a ValueError would come out here.
    with contextlib.suppress(ValueError):
        assert all(frame >= 0 and wish for frame, wish in parse_keyframes(text).items())
    with contextlib.suppress(ValueError):
        numbers = parse_numbers(text)
        assert all(math.isfinite(value) for value in (numbers.values() if isinstance(numbers, dict) else numbers))


@each_case("between", "\n", "\n \n", "/ ", "\n5", '" ', "\n\t/")
def test_a_long_text_is_read_once(between: str) -> None:
    # Where every empty line was searched to the end of the text, a megabyte of them took hours.
    wish = f"a{between * 100_000}x"
    assert parse_keyframes(f"0: {wish}") == {0: wish}
