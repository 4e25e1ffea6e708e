"""Parses texts that list keyframes: the index of a frame, then a wish ('24: a volcano') or a value ('24: 0.2').

The syntax is that of the prompt schedules of Deforum (https://deforum.github.io) and FizzNodes
(https://github.com/FizzleDorf/ComfyUI_FizzNodes), but the quotes that these need are optional here.
"""

import math
import re

from .text import shorten, unify_colons

LAST_FRAME, _QUOTES = 10**6, "\"'"

EXAMPLE = "0: a castle / 24: a volcano"
_NUMBERS = "0: 0.2 / 24: 1"

# A keyframe begins the text or a line, or follows a slash or the comma after a quoted wish. A colon between two digits
# is a part of the text: "a film in 16:9". The pattern is for texts from `unify_colons`. After a line break it skips no
# further line breaks: otherwise the search would take quadratic time in a text of many empty lines.
_KEYFRAME = re.compile(r"""(?:\A|/\s*|\n[^\S\n]*|(?<=["'])\s*,\s*)["']?(\d+)["']?\s*:(?!\d)""")


def has_keyframes(text: str) -> bool:
    """Return whether a text begins with a keyframe."""
    return _KEYFRAME.match(unify_colons(_strip_braces(text))) is not None


def parse_keyframes(text: str, example: str = EXAMPLE) -> dict[int, str]:
    """Read the wish of each keyframe, such as a class or a prompt, by frame number, in rising order. Keyframes stand
    one per line or between ' / ', or with quotes and commas, with or without braces, as in JSON."""
    text = _strip_braces(text)
    found = list(_KEYFRAME.finditer(unify_colons(text)))
    if not found or found[0].start():
        raise ValueError(f"'{shorten(text)}' does not begin with a keyframe; write '{example}'")
    ends = [*(match.start() for match in found[1:]), len(text)]
    wishes: dict[int, str] = {}
    for match, end in zip(found, ends, strict=True):
        digits, wish = match[1], text[match.end() : end].strip().removesuffix(",").rstrip()
        if len(wish) > 1 and wish[0] == wish[-1] and wish[0] in _QUOTES:
            wish = wish[1:-1].strip()
        if len(digits) > len(str(LAST_FRAME)) or int(digits) > LAST_FRAME:
            raise ValueError(f"keyframe {shorten(digits)} is beyond all films; write numbers from 0 to {LAST_FRAME}")
        frame = int(digits)
        if not wish:
            first_wish = example.partition(": ")[2].partition(" / ")[0]
            raise ValueError(f"keyframe {frame} is empty; write '{frame}: {first_wish}', or leave it out")
        if frame in wishes:
            raise ValueError(
                f"keyframe {frame} stands there twice, with '{shorten(wishes[frame], 40)}' and '{shorten(wish, 40)}'; "
                "leave one out"
            )
        wishes[frame] = wish
    return dict(sorted(wishes.items()))


def parse_numbers(text: str) -> dict[int, float] | list[float]:
    """Read a number for each keyframe ('0: 0.2 / 24: 1'), or a list with a number for every frame ('0, 0.5, 1')."""
    text = re.sub(r"[/,\n][/,\s]*", " / ", _strip_braces(unify_colons(text))).strip("/ ")
    if ":" in text:
        # '0:1' is a keyframe here; in a text, '16:9' is none.
        keyframes = parse_keyframes(text.replace(":", ": "), _NUMBERS)
        return {frame: read_number(number, _NUMBERS) for frame, number in keyframes.items()}
    numbers = [read_number(number, _NUMBERS) for number in text.replace("/", " ").split()]
    if not numbers:
        raise ValueError(f"there is no number; write keyframes such as '{_NUMBERS}', or a number for every frame")
    return numbers


def read_number(text: str, example: str) -> float:
    """Return the finite number that a text contains, with or without parentheses and quotes around it."""
    bare = text.strip(f" {_QUOTES}()")
    try:
        number = float(bare) if len(bare) < 40 else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"'{shorten(bare)}' is not a number; write '{example}'")
    return number


def _strip_braces(text: str) -> str:
    """Return a text without blanks around it, and without the braces of JSON."""
    text = text.strip()
    return text[1:-1].strip() if text[:1] == "{" and text[-1:] == "}" else text
