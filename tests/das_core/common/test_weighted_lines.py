"""Lines with weights."""

import pytest

from das_core.common.weighted_lines import check_weight, parse_texts, parse_weighted_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a cat: 0.5", [("a cat", 0.5)]),
        ("  a cat :-2\r\n\n  a dog  ", [("a cat", -2.0), ("a dog", 1.0)]),
        ("a cat:1e-1", [("a cat", 0.1)]),
        ("still life: fruit: 2", [("still life: fruit", 2.0)]),
        ("a clock at 10:30", [("a clock at 10:30", 1.0)]),
        ("a clock at 10:30: 0.5", [("a clock at 10:30", 0.5)]),
        ("a film in 16:9", [("a film in 16:9", 1.0)]),
        ("a photo of 1984:2", [("a photo of 1984:2", 1.0)]),
        ("a photo of 1984: 2", [("a photo of 1984", 2.0)]),
        (": 2", [("", 2.0)]),
        ("", []),
        (" \n\t\n", []),
    ],
)
def test_lines_are_read(text: str, expected: list[tuple[str, float]]) -> None:
    assert list(parse_weighted_lines(text, "x: 0.5", times=True)) == expected


@pytest.mark.parametrize(("text", "name"), [("107:2", "107"), ("n01910747:2", "n01910747"), ("class 3:2", "class 3")])
def test_without_times_a_colon_after_a_digit_is_one_like_any_other(text: str, name: str) -> None:
    assert list(parse_weighted_lines(text, "x: 0.5")) == [(name, 2.0)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a cat: much", "weight 'much' in 'a cat: much' is not a number; write 'x: 0.5'"),
        ("a cat:", "weight '' in 'a cat:' is not a number"),
        ("a cat: nan", "the weight nan of 'a cat: nan' is not between"),
        ("a cat: -1e400", "the weight -inf of"),
    ],
)
def test_weights_that_are_none_are_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(parse_weighted_lines(text, "x: 0.5"))


@pytest.mark.parametrize("weight", [0.0, -1.0, 1e6, -1e6])
def test_weights_in_range_pass(weight: float) -> None:
    check_weight(weight, "x")


def test_texts_come_without_their_weights_and_once() -> None:
    assert parse_texts("a cat\na dog: 0\n\na cat: -1\nat 10:30") == ["a cat", "a dog", "at 10:30"]


@pytest.mark.parametrize(("text", "says"), [(" \n", "no text is given"), (": 2", "a line has a weight and no text")])
def test_lines_without_a_text_are_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_texts(text)
