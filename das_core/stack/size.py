"""The sizes that a picture and its canvas can have, and margins with which a canvas is fast."""

from ..common.scalars import check_number
from ..common.text import shorten

SMALLEST_SIDE = 16  # The least width and height of a picture, in pixels.
LONGEST_SIDE = 2**15  # Of a canvas. An ascent on a square canvas of this side needs about 150 gigabytes.
# Fourier transforms are fast on lengths without a larger prime factor: 1136 = 16 x 71 takes more than twice as long as
# 1144 = 8 x 11 x 13. Below 512 pixels K takes a hundredth of the time of a step.
_LARGEST_PRIME, _SHORT, _FURTHEST = 13, 512, 16


def check_size(width: int, height: int, margin: int) -> tuple[int, int, int]:
    """Return the size of a stack, or raise an error; call this before anything of that size is allocated."""
    width = check_number("width", width, SMALLEST_SIDE, LONGEST_SIDE, "448 is usual", whole=True)
    height = check_number("height", height, SMALLEST_SIDE, LONGEST_SIDE, "448 is usual", whole=True)
    margin = check_number("margin", margin, 0, LONGEST_SIDE, "an eighth of the side is good", whole=True)
    if max(width, height) + 2 * margin > LONGEST_SIDE:
        raise ValueError(
            f"a canvas of {shorten(width + 2 * margin)} x {shorten(height + 2 * margin)} pixels, margins included, is "
            f"too large: make width, height or margin smaller, so that no side is longer than {LONGEST_SIDE}"
        )
    return width, height, margin


def widen_margin(width: int, height: int, margin: int) -> int:
    """Return the least margin, up to 16 pixels wider, with which the form `spectral` is fast."""
    if margin <= 0 or max(width, height) + 2 * margin < _SHORT:
        return margin
    wider = range(margin, margin + _FURTHEST + 1)
    return next((m for m in wider if all(_transforms_fast(side + 2 * m) for side in (width, height))), margin)


def _transforms_fast(length: int) -> bool:
    """Return whether the FFT of an axis of this length is fast: whether the length is a product of primes up to 13."""
    for factor in range(2, _LARGEST_PRIME + 1):
        while length % factor == 0:
            length //= factor
    return length == 1
