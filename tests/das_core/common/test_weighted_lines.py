import contextlib
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cases import each_case
from das_core.common.weighted_lines import check_weight, parse_texts, parse_weighted_lines


@each_case(
    ("text", "expected"),
    ("  a cat :-2\r\n\n  a dog  ", [("a cat", -2.0), ("a dog", 1.0)]),
    ("a cat:1e-1", [("a cat", 0.1)]),
    (" ( a cat : -2 ) \n(a dog)", [("a cat", -2.0), ("(a dog)", 1.0)]),
    ("(a cat (old):2)", [("a cat (old)", 2.0)]),
    ("(a cat) and (a dog:2)", [("(a cat) and (a dog:2)", 1.0)]),
    ("(a cat:2) on a mat", [("(a cat:2) on a mat", 1.0)]),
    ("poster: a castle", [("poster: a castle", 1.0)]),
    ("poster: a castle: 1.5", [("poster: a castle", 1.5)]),
    ("a cat:", [("a cat:", 1.0)]),
    ("a cat: 1.2.3", [("a cat: 1.2.3", 1.0)]),
    ("journey: infinity", [("journey: infinity", 1.0)]),
    ("a cat: .5\na dog: 2.", [("a cat", 0.5), ("a dog", 2.0)]),
    ("a cat: \u22120.5\na dog: \u20132", [("a cat", -0.5), ("a dog", -2.0)]),
    ("\u6d77\u62a5\uff1a\u57ce\u5821", [("\u6d77\u62a5\uff1a\u57ce\u5821", 1.0)]),
    ("\uff08\u57ce\u5821\uff1a1.3\uff09", [("\u57ce\u5821", 1.3)]),
    ("a clock at 10:30: 0.5", [("a clock at 10:30", 0.5)]),
    ("a photo of 1984:2", [("a photo of 1984:2", 1.0)]),
    ("a photo of 1984: 2", [("a photo of 1984", 2.0)]),
    ("(a clock at 10:30)", [("(a clock at 10:30)", 1.0)]),
    (": 2\n(:2)", [("", 2.0), ("", 2.0)]),
    ("()\n(\n:", [("()", 1.0), ("(", 1.0), (":", 1.0)]),
    (" \n\t\n", []),
)
def test_lines_are_read(text: str, expected: list[tuple[str, float]]) -> None:
    assert list(parse_weighted_lines(text, times=True)) == expected


def test_without_times_a_colon_after_a_digit_is_one_like_any_other() -> None:
    assert list(parse_weighted_lines("107:2\nclass 3:2")) == [("107", 2.0), ("class 3", 2.0)]


@each_case(
    ("text", "says"),
    ("a cat: nan", "the weight nan of 'a cat: nan' is not between -1e[+]06 and 1e[+]06; try 1 or -0.5"),
    ("(a cat:-INF)", r"the weight -inf of '\(a cat:-INF\)'"),
    ("a cat: 1e400", "the weight inf of"),
    ("a cat: 1,5", "weight '1,5' in 'a cat: 1,5' has a decimal comma; write '1.5'"),
)
def test_weights_that_are_none_are_named(text: str, says: str) -> None:
    for shown in ("", "x: 0.5"):
        with pytest.raises(ValueError, match=says):
            list(parse_weighted_lines(text, shown))


def test_where_no_name_holds_a_colon_a_weight_must_be_a_number() -> None:
    for text, weight in {"a cat: much": "much", "a cat:": "", "a: b: c": "c", "\u732b\uff1amuch": "much"}.items():
        with pytest.raises(ValueError, match=f"^weight '{weight}' in '{text}' is not a number; write 'x: 0.5'$"):
            list(parse_weighted_lines(text, "x: 0.5"))


@given(st.text(alphabet="a :(1.-+e)\uff1a,n\n", max_size=40))
@example(":" + "1" * 100_000 + "x")
@example("(" * 100_000 + "a:1" + ")" * 100_000)
@example(": " * 100_000)
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text: str) -> None:
    # Anything but a ValueError would come out here.
    with contextlib.suppress(ValueError):
        lines = list(parse_weighted_lines(text, times=True))
        assert len(lines) == sum(bool(line.strip()) for line in text.splitlines())
        assert all(math.isfinite(weight) for _, weight in lines)


def test_weights_at_the_ends_of_the_range_pass() -> None:
    for weight in (0.0, 1e6, -1e6):
        check_weight(weight, "x")
    with pytest.raises(ValueError, match=r"the weight 1000001\.0 of the x is not between"):
        check_weight(1e6 + 1, "the x")


def test_texts_come_without_their_weights_and_once() -> None:
    text = "a cat\na dog: 0\n\n(a cat:-1)\nat 10:30\nposter: a cat"
    assert parse_texts(text) == ["a cat", "a dog", "at 10:30", "poster: a cat"]
    for text, says in ((" \n", "no text is given"), (": 2", "a line has a weight and no text")):
        with pytest.raises(ValueError, match=says):
            parse_texts(text)
