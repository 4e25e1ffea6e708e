import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_core.common.keyframes import LAST_FRAME, has_keyframes, parse_keyframes

THREE = {0: "a castle", 24: "a volcano", 48: "a coral reef"}


@pytest.mark.parametrize(
    "text",
    [
        "0: a castle / 24: a volcano / 48: a coral reef",
        "0:a castle/24:a volcano/48:a coral reef",
        "0: a castle\n24: a volcano\n48: a coral reef",
        " \n0: a castle\n\n  24: a volcano,\n48: a coral reef\n",
        '"0": "a castle", "24": "a volcano", "48": "a coral reef"',
        '"0" :"a castle",\n"24" :"a volcano",\n"48" :"a coral reef"',
        '{"0": "a castle", "24": "a volcano", "48": "a coral reef"}',
        '{\n  "0": "a castle",\n  "24": "a volcano",\n  "48": "a coral reef",\n}',
        "{'0': 'a castle', '24': 'a volcano', '48': 'a coral reef'}",
        "48: a coral reef / 0: a castle / 24: a volcano",
        "0\uff1aa castle / 24\uff1aa volcano / 48\uff1aa coral reef",
    ],
)
def test_schedules_as_people_write_them_are_read(text: str) -> None:
    assert has_keyframes(text)
    assert list(parse_keyframes(text).items()) == list(THREE.items())


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("0: a film in 16:9 / 12: a clock at 10:30", {0: "a film in 16:9", 12: "a clock at 10:30"}),
        ("0: black/white photo, 3 cats / 5: a/b", {0: "black/white photo, 3 cats", 5: "a/b"}),
        ("0: a castle: 2\nwater: -0.5\n9: fog", {0: "a castle: 2\nwater: -0.5", 9: "fog"}),
        ("0: 107 / 8: 980", {0: "107", 8: "980"}),
        ('"0": "a castle, 1990", "8": "it\'s late"', {0: "a castle, 1990", 8: "it's late"}),
        ("007: James", {7: "James"}),
    ],
)
def test_what_only_looks_like_a_keyframe_belongs_to_the_wish(text: str, wishes: dict[int, str]) -> None:
    assert parse_keyframes(text) == wishes


@pytest.mark.parametrize("text", ["", "a castle", "a clock at 10:30", "16:9", "0 a castle", "-1: a castle", "1.5: fog"])
def test_a_text_without_a_keyframe_is_none(text: str) -> None:
    assert not has_keyframes(text)
    with pytest.raises(ValueError, match="does not begin with a keyframe; write '0: a castle / 24: a volcano'"):
        parse_keyframes(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a castle / 24: a volcano", "'a castle / 24: a volcano' does not begin with a keyframe"),
        ("0: a castle / 0: a volcano", "keyframe 0 stands there twice, with 'a castle' and 'a volcano'; leave one out"),
        ("0: a castle / 00: a castle", "keyframe 0 stands there twice"),
        ("0: a castle / 24:", "keyframe 24 has no wish; write '24: a castle', or leave it out"),
        ("0: / 24: a volcano", "keyframe 0 has no wish"),
        ('"0": "", "24": "a volcano"', "keyframe 0 has no wish"),
        (f"0: a castle / {LAST_FRAME + 1}: a volcano", "keyframe 1000001 is beyond all films"),
        ("0: a castle / " + "9" * 5000 + ": a volcano", "keyframe 9+… is beyond all films|keyframe 9+"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        parse_keyframes(text)
    assert len(str(refused.value)) < 300


@given(st.text(max_size=60))
def test_any_text_is_read_or_an_error_that_says_what_to_write(text: str) -> None:
    try:
        wishes = parse_keyframes(text)
    except ValueError as error:
        assert "write" in str(error) or "leave one out" in str(error)  # noqa: PT017
    else:
        assert all(frame >= 0 and wish for frame, wish in wishes.items())
