"""Keyframes as text: what to ask a model for at which frame of a film, as in prompt scheduling.

What is asked for at a keyframe is called its wish: a class or a prompt. The syntax is that of the prompt schedules of
Deforum (https://deforum.github.io) and FizzNodes (https://github.com/FizzleDorf/ComfyUI_FizzNodes); the quotes that
they need are optional here.
"""

import re

from .text import shorten

LAST_FRAME = 10**6
"""The highest number of a frame that a text may name."""

EXAMPLE = "0: a castle / 24: a volcano"

# A keyframe begins where the text does, in a line of its own, behind a slash, or behind the comma after a quoted wish.
# As in lines with weights, a colon between two digits is none: "a film in 16:9".
_KEYFRAME = re.compile(r"""(?:\A|[/\n]|(?<=["'])\s*,)\s*["']?(\d+)["']?\s*[:\uff1a](?!\d)""")

_QUOTES = "\"'"


def has_keyframes(text: str) -> bool:
    """Return whether a text begins with a keyframe.

    Args:
        text: any text.

    Example:
        >>> from das_core.common.keyframes import has_keyframes
        >>> has_keyframes("0: a castle / 24: a volcano"), has_keyframes("a clock at 10:30"), has_keyframes("16:9")
        (True, False, False)
    """
    return _KEYFRAME.match(_strip_braces(text)) is not None


def parse_keyframes(text: str) -> dict[int, str]:
    """Read the wish of each keyframe, such as a class or a prompt.

    Args:
        text: keyframes such as '0: a castle', one a line or separated by ' / '; or with quotes and commas, as in
            '"0": "a castle", "24": "a volcano"', also in braces. Their order does not matter.

    Returns:
        The wishes by frame number, in rising order.

    Raises:
        ValueError: when the text does not begin with a keyframe, a keyframe has no wish or appears twice, or its
            number is above a million.

    Example:
        >>> from das_core.common.keyframes import parse_keyframes
        >>> parse_keyframes("24: a volcano / 0: a castle")
        {0: 'a castle', 24: 'a volcano'}
    """
    text = _strip_braces(text)
    found = list(_KEYFRAME.finditer(text))
    if not found or found[0].start():
        raise ValueError(f"'{shorten(text)}' does not begin with a keyframe; write '{EXAMPLE}'")
    ends = [*(match.start() for match in found[1:]), len(text)]
    wishes: dict[int, str] = {}
    for match, end in zip(found, ends, strict=True):
        digits, wish = match[1], _clean(text[match.end() : end])
        if len(digits) > len(str(LAST_FRAME)) or int(digits) > LAST_FRAME:
            raise ValueError(f"keyframe {shorten(digits)} is beyond all films; write numbers from 0 to {LAST_FRAME}")
        frame = int(digits)
        if not wish:
            raise ValueError(f"keyframe {frame} has no wish; write '{frame}: a castle', or leave it out")
        if frame in wishes:
            raise ValueError(
                f"keyframe {frame} stands there twice, with '{shorten(wishes[frame], 40)}' and '{shorten(wish, 40)}'; "
                "leave one out"
            )
        wishes[frame] = wish
    return dict(sorted(wishes.items()))


def _strip_braces(text: str) -> str:
    """Return a text without blanks around it, and without the braces of JSON."""
    text = text.strip()
    return text[1:-1].strip() if text[:1] == "{" and text[-1:] == "}" else text


def _clean(wish: str) -> str:
    """Return a wish without surrounding blanks and quotes, and without a comma at its end."""
    wish = wish.strip().removesuffix(",").rstrip()
    quoted = len(wish) > 1 and wish[0] == wish[-1] and wish[0] in _QUOTES
    return wish[1:-1].strip() if quoted else wish
