import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_core.common.text import truncate


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("", 1, ""),
        ("fish", 5, "fish"),
        ("fish", 4, "fish"),
        ("fish", 3, "fi…"),
        ("fish", 1, "…"),
        ("größer", 5, "größ…"),
        ("🐟🐠🐡", 2, "🐟…"),
    ],
)
def test_what_is_too_long_ends_in_an_ellipsis(text: str, length: int, expected: str) -> None:
    assert truncate(text, length) == expected


@given(st.text(max_size=20), st.integers(1, 20))
def test_the_result_fits_and_is_as_long_as_can_be(text: str, length: int) -> None:
    short = truncate(text, length)
    assert len(short) == min(len(text), length)
    assert short == text or (short[-1] == "…" and text.startswith(short[:-1]))
