"""Writes the spec of a stack into the description in a stack file, and reads it with a check of every field."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from torch import Tensor

from .color import ColorSpace
from .spec import StackSpec
from .time import Time
from .zoom import Zoom

_WHOLE_NUMBERS = ("width", "height", "margin")


class DamageError(ValueError):
    """The error for content that is no valid stack.

    Its message has no subject, as in "holds no stack": `load_stack` puts "the stack file '…'" in front.
    """


def describe_spec(spec: StackSpec) -> dict[str, Any]:
    """Return the fields of a spec, as values that JSON can express; `time` and `zoom` are left out if they are None.

    Args:
        spec: any spec.

    Example:
        >>> from das_core import StackSpec
        >>> from das_core.stack.file_spec import describe_spec
        >>> fields = describe_spec(StackSpec(width=32, height=24, margin=8, levels=(1, 16)))
        >>> fields["width"], fields["levels"], "time" in fields
        (32, (1, 16), False)
    """
    fields = asdict(spec)
    if spec.time is None:
        # Older versions of this code refuse a file with a field that they do not know. They can still read the file of
        # a picture if `time` and `zoom` are left out.
        del fields["time"]
    if spec.zoom is None:
        del fields["zoom"]
    return fields


def read_spec(fields: Mapping[str, Any], canvas: Tensor) -> StackSpec:
    """Return the spec that fields describe, and check the fields.

    Args:
        fields: the result of `describe_spec`, written as JSON and read again, so that tuples have become lists.
        canvas: the canvas of the same file, of any shape. Its size is compared with the fields first, so that wrong
            fields cannot cause huge allocations.

    Raises:
        DamageError: when the fields describe no valid spec, or do not fit the canvas.
        KeyError: when the size, the margin, the levels, the gains or the colour space is missing. (Any other field that
            is missing gets its default.)
        TypeError: when a field is unknown, or the levels or the gains are a single number or null. (Any other wrong
            type in a field is a DamageError.)
    """
    _check_canvas_size(fields, canvas)
    return _build_spec(fields)


def _check_canvas_size(fields: Mapping[str, Any], canvas: Tensor) -> None:
    """Raise an error unless a canvas fits the fields of a spec.

    The canvas must have the size that the fields name. Let n be the number of pixels along the long side of the canvas:
    the fields must list at most n levels, at most n gains and at most n frozen bands. A film or a zoom must have one
    canvas for each frame or depth.
    """
    for name in _WHOLE_NUMBERS:
        check_count(name, fields[name])
    width, height = (fields[name] + 2 * fields["margin"] for name in ("width", "height"))
    if tuple(canvas.shape[2:]) != (height, width):
        raise DamageError(f"holds a canvas of shape {tuple(canvas.shape)}, not one of {width} x {height} pixels")
    for name in ("levels", "gains", "frozen"):
        if isinstance(fields.get(name), list) and len(fields[name]) > max(width, height):
            raise DamageError(f"names {len(fields[name])} {name}, more than a canvas of {width} x {height} can have")
    _check_time(fields.get("time"), len(canvas))
    _check_zoom(fields.get("zoom"), len(canvas))


def _check_time(fields: object, batch: int) -> None:
    """Raise an error unless fields describe the time axis of a film of `batch` frames, or are None (no film)."""
    if fields is None:
        return
    if not isinstance(fields, dict) or fields.keys() != {"frames", "levels", "loop"}:
        raise DamageError(f"names {str(fields)[:40]!r} as time; frames, levels and loop are needed")
    check_count("frames", fields["frames"])
    if fields["frames"] != batch:
        raise DamageError(f"names {fields['frames']} frames and holds {batch} canvases; one for each is needed")
    levels = fields["levels"]
    if not isinstance(levels, list) or len(levels) > batch:
        raise DamageError(f"names {str(levels)[:40]!r} as levels in time; at most {batch} are needed")
    for level in levels:
        check_count("a level in time", level)
    if type(fields["loop"]) is not bool:
        raise DamageError(f"names {str(fields['loop'])[:20]!r} as loop; true or false is needed")


def _check_zoom(fields: object, batch: int) -> None:
    """Raise an error unless fields describe a zoom of `batch` depths, or are None (no zoom)."""
    if fields is None:
        return
    if not isinstance(fields, dict) or fields.keys() != {"depths", "factor", "loop", "between"}:
        raise DamageError(f"names {str(fields)[:40]!r} as zoom; depths, factor, loop and between are needed")
    check_count("depths", fields["depths"])
    check_count("between", fields["between"])
    if fields["depths"] != batch:
        raise DamageError(f"names {fields['depths']} depths and holds {batch} canvases; one for each is needed")
    if type(fields["factor"]) is not float or type(fields["loop"]) is not bool:
        raise DamageError(f"names {str(fields)[:80]!r} as zoom; a factor and true or false as loop are needed")


def _build_spec(fields: Mapping[str, Any]) -> StackSpec:
    """Return the spec with these fields; raise an error when a field is bad or unknown, or a needed one is missing."""
    values = {**fields, "levels": tuple(fields["levels"]), "gains": tuple(fields["gains"])}
    frozen = fields.get("frozen", [])
    if not isinstance(frozen, list) or any(not isinstance(band, list) or len(band) != 2 for band in frozen):
        raise DamageError(f"names {str(frozen)[:40]!r} as frozen; pairs of resolutions are needed")
    values["frozen"] = tuple((low, high) for low, high in frozen)
    for level in itertools.chain(values["levels"], *values["frozen"]):
        check_count("a level", level)
    # Files from before tiles were added do not have this field.
    if type(values.get("tile", False)) is not bool:
        raise DamageError(f"names {str(values['tile'])[:20]!r} as tile; true or false is needed")
    if values["color"] not in get_args(ColorSpace) or any(type(gain) is not float for gain in values["gains"]):
        raise DamageError(f"describes a stack that cannot be: {str(fields)[:200]}")
    try:
        if time := values.get("time"):
            values["time"] = Time(time["frames"], tuple(time["levels"]), time["loop"])
        if zoom := values.get("zoom"):
            values["zoom"] = Zoom(**zoom)
        return StackSpec(**values)
    except ValueError as error:
        raise DamageError(f"describes a stack that cannot be: {error}") from None


def check_count(what: str, value: object) -> None:
    """Raise an error unless a value of the description in a stack file is a whole number from 0 to below 2^53.

    Args:
        what: the name of the value, for the error message.
        value: the value, of any type.

    Raises:
        DamageError: when the value is not such a number.
    """
    # Not isinstance, which accepts True and False as whole numbers.
    if type(value) is not int or not 0 <= value < 2**53:
        raise DamageError(f"names {str(value)[:20]!r} as {what}; a whole number from 0 up is needed")
