"""Shots, the positions of a camera at its keyframes: they are read from text, and interpolated between keyframes."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from ..common.curves import Curve, interpolate
from ..common.keyframes import parse_keyframes, read_number
from ..common.scalars import check_number
from ..common.text import shorten, unify_colons

CLOSEST = 64.0  # The largest zoom: of 1024 pixels a side, a frame then shows 16.

_EXAMPLE = "0: 0.5 0.5 1 / 47: 0.3 0.6 4"


@dataclass(frozen=True)
class Shot:
    """The position, zoom and roll of a camera.

    Args:
        x: the horizontal position of the middle of the frame in the picture, 0 (left) to 1 (right).
        y: the vertical position of the middle of the frame in the picture, 0 (top) to 1 (bottom).
        zoom: 1 to 64. At 1 the frame shows the largest part of the picture that has its aspect ratio, at 2 half a side.
        roll: by how many degrees the camera is turned clockwise, -36000 to 36000: at 90 its right side is at the top.
    """

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (("x", 0.0, 1.0), ("y", 0.0, 1.0), ("zoom", 1.0, CLOSEST), ("roll", -36e3, 36e3)):
            check_number(f"{name} of a shot", getattr(self, name), low, high, "Shot() sees the whole picture")


def parse_shots(text: str) -> dict[int, Shot]:
    """Read shots such as '47: 0.3 0.6 4 15' (frame, x, y, zoom, optional roll) from text, by frame, in rising order."""
    # `parse_keyframes` needs a blank between colon and digit, as wishes may contain '10:30'; for shots it is optional.
    spaced = unify_colons(text).replace(":", ": ")
    return {frame: _read_shot(frame, numbers) for frame, numbers in parse_keyframes(spaced, _EXAMPLE).items()}


def _read_shot(frame: int, text: str) -> Shot:
    advice = f"'{frame}: {_EXAMPLE.rpartition(': ')[2]}', x y zoom and, if you like, roll"
    words = text.replace(",", " ").replace("\uff0c", " ").split()
    if not 3 <= len(words) <= 4:
        raise ValueError(f"keyframe {frame} has {len(words)} numbers, '{shorten(text, 40)}'; write {advice}")
    numbers = [read_number(word, f"{frame}: {_EXAMPLE.rpartition(': ')[2]}") for word in words]
    try:
        return Shot(*numbers)
    except ValueError as error:
        raise ValueError(f"keyframe {frame}, '{shorten(text, 40)}': {error}; write {advice}") from error


def find_shot(shots: Mapping[int, Shot], frame: int, curve: Curve = "cosine") -> Shot:
    """Return the shot at a frame, interpolated between keyframes that are in rising order."""
    numbers = list(shots)
    if frame <= numbers[0] or frame >= numbers[-1]:
        return shots[numbers[0] if frame <= numbers[0] else numbers[-1]]
    place = bisect_right(numbers, frame)
    before, behind = numbers[place - 1], numbers[place]
    share = interpolate(0.0, 1.0, curve, (frame - before) / (behind - before))
    x, y, zoom, roll = (
        start + (end - start) * share
        for start, end in zip(_in_octaves(shots[before]), _in_octaves(shots[behind]), strict=True)
    )
    return Shot(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0), min(max(2.0**zoom, 1.0), CLOSEST), roll)


def _in_octaves(shot: Shot) -> tuple[float, float, float, float]:
    """Return x, y, log2 of the zoom, and roll of a shot."""
    x, y, zoom, roll = astuple(shot)
    return x, y, math.log2(zoom), roll
