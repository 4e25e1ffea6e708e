import pytest

from cases import each_case
from das_core.report.shots import Shot, find_shot, parse_shots

TWO = {0: Shot(), 47: Shot(0.3, 0.6, 4, -15)}


def test_a_shot_lies_between_the_two_keyframes_around_its_frame_with_zoom_at_a_constant_rate_and_eased() -> None:
    zooms = [find_shot({0: Shot(), 4: Shot(zoom=16)}, frame, "linear").zoom for frame in range(5)]
    assert zooms == pytest.approx([1, 2, 4, 8, 16])
    assert find_shot({3: Shot(x=0.1)}, 0) == Shot(x=0.1)
    # Easing sets off softly, and a step jumps.
    shots = {0: Shot(x=0.2), 10: Shot(x=0.8)}
    places = [find_shot(shots, frame, "cosine").x for frame in range(11)]
    assert places[1] - places[0] < (places[6] - places[5]) / 3
    assert [find_shot(shots, frame, "step").x for frame in (4, 5)] == pytest.approx([0.2, 0.8])
    shots = {number: Shot(x=number / 100) for number in range(0, 100, 10)}
    assert [find_shot(shots, frame, "linear").x for frame in (0, 5, 10, 19, 35, 90, 95)] == pytest.approx(
        [0, 0.05, 0.1, 0.19, 0.35, 0.9, 0.9]
    )


def test_what_is_no_shot() -> None:
    for settings in ({"x": -0.1}, {"y": 1.5}, {"zoom": 0.5}, {"zoom": 100.0}, {"roll": float("nan")}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} of a shot .* is not between"):
            Shot(**settings)


@each_case(
    "text",
    "0:.5 .5 1\n47:0.3 0.6 4 -15",
    "\n 0 : 0.5, 0.5, 1 \n\n47: 0.3, 0.6, 4, -15\n",
    "0: (0.5, 0.5, 1) / 47: (0.3, 0.6, 4, -15)",
    "0\uff1a0.5 0.5 1\n47\uff1a0.3\uff0c0.6\uff0c4\uff0c-15",
)
def test_shots_as_people_write_them_are_read(text: str) -> None:
    assert list(parse_shots(text).items()) == list(TWO.items())


@each_case(
    ("text", "says"),
    ("0.5 0.5 1", "'0.5 0.5 1' does not begin with a keyframe; write '0: 0.5 0.5 1 / 47: 0.3 0.6 4'"),
    ("0: 0.5 0.5 1 / 24:", "keyframe 24 is empty; write '24: 0.5 0.5 1', or leave it out"),
    ("0: 0.5 0.5", "keyframe 0 has 2 numbers, '0.5 0.5'; write '0: 0.3 0.6 4', x y zoom and, if you like, roll"),
    ("0: 0.5 0.5 1 2 3", "keyframe 0 has 5 numbers"),
    ("9: 0.5 0.5 near", "'near' is not a number; write '9: 0.3 0.6 4'"),
    ("7: 1.5 0.5 1", "keyframe 7, '1.5 0.5 1': x of a shot 1.5 is not between 0 and 1; .*; write '7: 0.3 0.6 4', x y"),
    ("0: " + "0.5 " * 5000, "keyframe 0 has 5000 numbers"),
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        parse_shots(text)
    assert len(str(refused.value)) < 300
