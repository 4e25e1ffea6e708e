from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.text import elide, shorten, truncate, unify_colons


@given(st.text(max_size=20), st.integers(1, 20))
def test_what_is_too_long_ends_in_an_ellipsis_and_is_as_long_as_can_be(text: str, length: int) -> None:
    short = truncate(text, length)
    assert len(short) == min(len(text), length)
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))


@given(st.text(max_size=40), st.integers(7, 30))
def test_what_is_elided_keeps_its_beginning_and_its_end(text: str, length: int) -> None:
    short = elide(text, length)
    assert len(short) == min(len(text), length)
    before, _, after = short.partition(" […] ")
    assert short == text or (text.startswith(before) and text.endswith(after) and len(after) - len(before) in (0, 1))


@each_case(
    ("value", "expected"),
    ("two\nlines\tand a tab", "two lines and a tab"),
    ("x" * 1_000_000, "x" * 99 + "…"),
    ("half a \ud83d fish", "half a \\ud83d fish"),
    (0.25, "0.25"),
    (None, "None"),
    (["a", 3], "['a', 3]"),
    (torch.zeros(3), "a value of the type Tensor"),
    # Numbers that Python does not write out.
    (10**5000, "a number of thousands of digits"),
    ([10**5000], "a value of the type list"),
)
def test_a_message_repeats_short_values_whole_and_long_ones_in_part(value: Any, expected: str) -> None:
    assert shorten(value) == expected


@given(st.recursive(st.text() | st.integers() | st.binary(), lambda inner: st.lists(inner, max_size=30)))
def test_what_a_message_repeats_is_one_short_line(value: Any) -> None:
    short = shorten(value, 40)
    assert len(short) <= 40
    assert "\n" not in short


def test_colons_of_both_widths_become_one_at_their_places() -> None:
    assert unify_colons("16:9\uff1a a cat \uff1b\uff1a") == "16:9: a cat \uff1b:"
