"""Margins that make canvases of a length that transforms fast."""

_LARGEST_PRIME = 13
"""Fourier transforms are fast on lengths without a larger prime factor: 1136 = 16 x 71 takes more than twice as long as
1144 = 8 x 11 x 13."""

_SHORT = 512
"""On a canvas whose long side is shorter, a filter takes a hundredth of a step, whatever its length."""

_FURTHEST = 16
"""How many pixels a margin is widened by at most."""


def widen_margin(width: int, height: int, margin: int) -> int:
    """Return the least margin, at most 16 pixels wider, whose canvas the form `spectral` filters fast.

    Nobody sees the margin, and views reach no further into a wider one, so a few more pixels of it cost nothing.

    Args:
        width: the width of the picture in pixels.
        height: its height.
        margin: how far the canvas has to go beyond the picture on each side, in pixels.

    Returns:
        A margin that makes both sides of the canvas products of primes up to 13. The given one if it does so already,
        it is 0 (a canvas that is all picture, such as a tile), no margin in reach does, or the canvas is shorter than
        512 pixels, where nothing is gained.

    Example:
        >>> from das_core.stack import widen_margin
        >>> widen_margin(1024, 1024, margin=56), widen_margin(224, 224, margin=56)
        (60, 56)
    """
    if margin <= 0 or max(width, height) + 2 * margin < _SHORT:
        return margin
    wider = range(margin, margin + _FURTHEST + 1)
    return next((m for m in wider if all(_transforms_fast(side + 2 * m) for side in (width, height))), margin)


def _transforms_fast(length: int) -> bool:
    """Whether a length is a product of primes up to 13."""
    for factor in range(2, _LARGEST_PRIME + 1):
        while length % factor == 0:
            length //= factor
    return length == 1
