"""Pictures of few colours as SVG: regions traced along the borders of their pixels, or the shapes of a look."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..common.images import to_bytes
from ..common.interruption import pausing

MOST_REGION_COLORS = 4096
"""A picture of more colours is none of flat regions, and its SVG would be larger than its pixels."""


class NoShapesError(ValueError):
    """The error for a picture that has no shapes, such as one in oil."""


@dataclass(frozen=True)
class Shape:
    """A path in the language of SVG, filled with a colour."""

    path: str
    color: str


def write_svg(shapes: Sequence[Shape], width: int, height: int, origin: int = 0) -> str:
    """Return shapes, the later ones on top, as the text of an SVG file whose corner lies at (`origin`, `origin`)."""
    # Regions that touch would let the ground shine through if their edges were smoothed.
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{origin} {origin} {width} {height}" shape-rendering="crispEdges">'
    )
    paths = [f'<path d="{shape.path}" fill="{shape.color}"/>' for shape in shapes]
    return "\n".join([head, *paths, "</svg>", ""])


def trace_regions(picture: Tensor) -> list[Shape]:
    """Return a shape for each colour of a picture (3, H, W), 0..1; above 4,096, a NoShapesError is raised."""
    pixels = to_bytes(picture[None]).astype(np.int64) @ np.array([65536, 256, 1])
    codes, numbers = np.unique(pixels, return_inverse=True)
    if len(codes) > MOST_REGION_COLORS:
        raise NoShapesError(
            f"a picture of {len(codes):,} colours has no regions to draw as SVG; choose a look of flat colours, such "
            "as pixel art or stained glass, or save it as .png"
        )
    padded = np.pad(numbers.reshape(pixels.shape), 1, constant_values=-1)
    here, stride = padded[1:-1, 1:-1], padded.shape[1] - 1
    # The sides of pixels at the borders, each with its region at the right, from one corner to the next.
    sides = [
        (padded[:-2, 1:-1], 0, 1),
        (padded[1:-1, 2:], 1, stride + 1),
        (padded[2:, 1:-1], stride + 1, stride),
        (padded[1:-1, :-2], stride, 0),
    ]
    found = []
    for beside, begin, end in sides:
        rows, columns = np.nonzero(here != beside)
        corner = rows * stride + columns
        found.append([here[rows, columns], corner + begin, corner + end])
    regions, *ends = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Sorted by region at once: looking for those of each would take as many passes over the picture as it has colours.
    order, cuts = np.argsort(regions, kind="stable"), np.bincount(regions).cumsum()[:-1]
    borders = zip(codes.tolist(), *(np.split(each[order], cuts) for each in ends), strict=True)
    return [
        Shape(_trace(begin.tolist(), end.tolist(), stride), f"#{code:06x}") for code, begin, end in pausing(borders)
    ]


def _trace(begins: Sequence[int], ends: Sequence[int], stride: int) -> str:
    """Return the border of a region as a path, given where its sides begin and end."""
    following: dict[int, list[int]] = {}
    for begin, end in zip(begins, ends, strict=True):
        following.setdefault(begin, []).append(end)
    parts = []
    for first in following:
        while following[first]:
            loop, at = [first], following[first].pop()
            while at != first:
                loop.append(at)
                at = following[at].pop()
            parts.append(_write_loop(loop, stride))
    return "".join(parts)


def _write_loop(loop: Sequence[int], stride: int) -> str:
    """Return a closed loop of corners as a path of horizontal and vertical lines."""
    turns = [
        corner
        for before, corner, after in zip([loop[-1], *loop[:-1]], loop, [*loop[1:], loop[0]], strict=True)
        if corner - before != after - corner
    ]
    row, column = divmod(turns[0], stride)
    path = [f"M{column} {row}"]
    for corner in turns[1:]:
        y, x = divmod(corner, stride)
        path.append(f"h{x - column}" if y == row else f"v{y - row}")
        row, column = y, x
    return "".join([*path, "z"])
