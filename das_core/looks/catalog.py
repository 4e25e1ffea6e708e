"""Looks by name, and looks as data for files."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar, cast

from ..common.scalars import check_number
from ..common.text import shorten
from .cells import Cells
from .colors import check_palette
from .ink import Ink
from .look import Look
from .paint import Paint
from .regions import Glass, LowPoly


class Looks(dict[str, Look]):
    """Looks by name, as `render` and the node Look take them: what a picture is made of.

    pixel art, poster, risograph, cross-stitch, mosaic: cells of few colours (`Cells`). ink, engraving, hatching,
    stipple, halftone: black marks on paper (`Ink`). oil, watercolour: strokes of a brush (`Paint`). stained glass:
    pieces between lead (`Glass`). low poly: triangles (`LowPoly`).
    """


LOOKS = Looks(
    {
        "pixel art": Cells(),
        "poster": Cells(0, "poster"),
        "risograph": Cells(0, "risograph", "ordered"),
        "cross-stitch": Cells(80, 20, drawn="stitches"),
        "mosaic": Cells(64, 24, drawn="tiles"),
        "ink": Ink(),
        "engraving": Ink("lines"),
        "hatching": Ink("hatching"),
        "stipple": Ink("stipple", 3),
        "halftone": Ink("halftone"),
        "oil": Paint(),
        "watercolour": Paint("watercolour", 4),
        "stained glass": Glass(),
        "low poly": LowPoly(),
    }
)

Kind = TypeVar("Kind", bound=Look)

_SIZES = {"cells": -1, "pieces": -1, "spacing": 1, "radius": 1}
"""By its name in a look, whether a setting grows with the size of its marks, or becomes smaller."""

KINDS: Mapping[str, type[Any]] = {kind.__name__: kind for kind in (Cells, Ink, Paint, Glass, LowPoly)}


def read_look(look: str | Look | None) -> Look | None:
    """Return a look that is given by its name, or as it is."""
    if not isinstance(look, str):
        return look
    if look not in LOOKS:
        raise ValueError(f"there is no look '{shorten(look)}'; choose one of {', '.join(LOOKS)}, or give a Look")
    return LOOKS[look]


def adjust_look(look: Kind, size: float = 1.0, palette: str = "", dither: str = "") -> Kind:
    """Return a look with marks `size` times as large, 0.2 to 5, and with another `Palette` (of ink: the hex codes of
    ink and paper) and another `Dither`, unless these are ""."""
    check_number("size", size, 0.2, 5, "1 is the size of the look, 2 twice as large")
    fields: dict[str, Any] = {}
    for name, power in _SIZES.items():
        if old := getattr(look, name, None):
            new = old * size**power
            fields[name] = max(2, round(new)) if isinstance(old, int) else max(1.0, new)
    if palette.strip():
        digits = palette.strip()
        chosen = check_palette(int(digits) if digits.isdecimal() and len(digits) < 10 else palette)
        if isinstance(look, Cells):
            fields["palette"] = chosen
        elif not isinstance(look, Ink):
            raise ValueError("this look has no palette; give none and no image, or choose pixel art, poster or ink")
        elif not isinstance(chosen, tuple) or len(chosen) != 2:
            raise ValueError(f"ink has two colours, not '{shorten(palette)}'; give two hex codes: of ink, and of paper")
        else:
            fields["ink"], fields["paper"] = chosen
    if dither:
        if not isinstance(look, Cells):
            raise ValueError("this look mixes no colours; leave dither to auto, or choose pixel art or a poster")
        fields["dither"] = dither
    return replace(look, **fields)  # type: ignore[type-var]


def describe_look(look: Look | None) -> dict[str, Any] | None:
    """Return a look as JSON can hold it; `build_look` makes the same one of it."""
    if look is None:
        return None
    if type(look) not in KINDS.values():
        raise ValueError(f"a look of your own, {type(look).__name__}, has no place in a file; leave it out")
    return {"kind": type(look).__name__, **asdict(look)}  # type: ignore[call-overload]


def build_look(description: Mapping[str, Any] | None) -> Look | None:
    """Return the look of a description by `describe_look`, or raise an error."""
    if description is None:
        return None
    fields = dict(description)
    return cast(Look, KINDS[fields.pop("kind")](**fields))
