"""Margins with which the Fourier transforms of a canvas are fast."""

_LARGEST_PRIME = 13
"""Fourier transforms are fast on lengths without a larger prime factor: 1136 = 16 x 71 takes more than twice as long as
1144 = 8 x 11 x 13."""

_SHORT = 512
"""If the long side of a canvas is shorter than this, in pixels, multiplying the gradient by K takes only a hundredth of
the time of a step of an ascent, whatever the prime factors of the sides are."""

_FURTHEST = 16
"""The most pixels by which a margin is widened."""


def widen_margin(width: int, height: int, margin: int) -> int:
    """Return the smallest margin, from `margin` to 16 pixels wider, with which the form `spectral` is fast.

    The margin is not visible in the result. Views reach at most `Windows.jitter` pixels into it. If the given margin is
    narrower than this jitter, views reach a few pixels further into the widened margin, which does not change the
    picture noticeably.

    Args:
        width: the width of the picture in pixels.
        height: the height of the picture in pixels.
        margin: the wanted distance from the picture to the edge of the canvas, in pixels.

    Returns:
        A margin with which both sides of the canvas are products of primes up to 13. The given margin is returned if it
        has this property, if it is 0 (as for a tile), if no margin in that range has this property, or if the long side
        of the canvas is shorter than 512 pixels, where a wider margin saves no time.

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
    """Return whether the FFT of an axis of this length is fast: whether the length is a product of primes up to 13."""
    for factor in range(2, _LARGEST_PRIME + 1):
        while length % factor == 0:
            length //= factor
    return length == 1
