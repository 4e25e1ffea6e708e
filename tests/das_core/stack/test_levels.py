import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.stack.levels import check_levels, level_shape, linear_levels, parse_levels, power_levels


def test_linear_levels_go_from_1_in_equal_steps_and_reach_the_canvas() -> None:
    levels = linear_levels(336, 4)
    assert levels == tuple(range(1, 337, 4))
    assert (len(levels), levels[:3], levels[-1]) == (84, (1, 5, 9), 333)
    assert linear_levels(336, 1) == tuple(range(1, 337))
    assert linear_levels(5, 5) == (1,)
    assert linear_levels(1, 1) == (1,)


@each_case("step", [0, -4, 337])
def test_linear_steps_are_checked(step: int) -> None:
    with pytest.raises(ValueError, match=rf"step {step} is not between 1 and 336 \(the long side of the canvas\); try"):
        linear_levels(336, step)


@each_case(
    ("longest", "levels"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (64, (1, 2, 4, 8, 16, 32, 64)),
        (65, (1, 2, 4, 8, 16, 32, 64, 65)),
        (336, (1, 2, 4, 8, 16, 32, 64, 128, 256, 336)),
    ],
)
def test_powers_end_with_the_canvas(longest: int, levels: tuple[int, ...]) -> None:
    assert power_levels(longest) == levels


@each_case(
    ("text", "levels"),
    [
        ("1, 4, 16", (1, 4, 16)),
        ("1 4\n16\t64", (1, 4, 16, 64)),
        ("1;4; 16,", (1, 4, 16)),
        ("16,4,16", (16, 4, 16)),
        ("-3", (-3,)),
        ("", ()),
        (" ,;\n", ()),
    ],
)
def test_levels_are_read(text: str, levels: tuple[int, ...]) -> None:
    assert parse_levels(text) == levels


@each_case("word", ["four", "4.5", "1-4", "0x10", "1e2"])
def test_words_that_are_no_numbers_are_named(word: str) -> None:
    with pytest.raises(ValueError, match=f"level '{word}' is not a whole number; write resolutions such as '1, 4, 16"):
        parse_levels(f"1, {word}, 8")


@given(st.text(alphabet="0123456789 ,;\n-.x", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        levels = parse_levels(text)
    except ValueError as error:
        said = str(error)
    else:
        assert all(isinstance(level, int) for level in levels)
        return
    assert "is not a whole number" in said


def test_levels_keep_their_order() -> None:
    assert check_levels((16, 4, 16, 1), 16) == [16, 4, 16, 1]


@each_case(
    ("levels", "says"),
    [
        ([1, 0], r"level 0 is not a whole number from 1 to 16, the long side .*make the canvas larg"),
        ([1, -1], r"level -1 is not a whole number from 1 to 16, the long side .*make the canvas larg"),
        ([1, 17], r"level 17 is not a whole number from 1 to 16, the long side .*make the canvas larg"),
        ([], "the list of levels is empty; give at least one resolution"),
    ],
)
def test_levels_that_do_not_fit_are_named(levels: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_levels(levels, 16)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_a_level_is_in_proportion(height: int, width: int, data: st.DataObject) -> None:
    longest = max(height, width)
    level = data.draw(st.integers(1, longest))
    rows, columns = level_shape(level, (height, width))
    assert max(rows, columns) == level
    assert 1 <= rows <= height
    assert 1 <= columns <= width
    assert abs(rows - level * height / longest) <= 1
    assert abs(columns - level * width / longest) <= 1
    assert level_shape(longest, (height, width)) == (height, width)
