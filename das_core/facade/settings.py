"""Settings: how a picture was made, as what JSON can hold, and as `render`, `film` and `zoom` take it again."""

import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor

from ..ascent.adam import Adam
from ..ascent.ascent import Ascent
from ..ascent.denoising import Denoising
from ..ascent.focus import Focus
from ..ascent.normalized_ascent import NormalizedAscent
from ..ascent.optimizers import Optimizer
from ..ascent.recipe import Recipe
from ..ascent.result import KEYWORD
from ..ascent.sgd import SGD
from ..ascent.steepest_ascent import SteepestAscent
from ..ascent.within import Within
from ..common.files import explain_unreadable
from ..common.scalars import as_number, as_whole
from ..common.tensor_file import digest_module, digest_tensors
from ..common.text import shorten
from ..denoisers.total_variation import TotalVariation
from ..looks.catalog import KINDS
from ..models.judge import Judge
from ..objectives.classes import classes
from ..objectives.diversity import diversity
from ..objectives.embedding import embedding, text
from ..objectives.feature import feature
from ..objectives.objective import Objective, Question
from ..objectives.per_image import one_per_image
from ..objectives.priors import PriorScore, prior
from ..objectives.term import Term
from ..stack.file import SUFFIX, load_stack
from ..views.augmentation import Augmentation
from ..views.transforms import Distance, Flip, Grayscale, Noise
from ..views.windows import MiddleSquare, Windows


def _sum_up(parts: Sequence[Objective]) -> Objective:
    return Objective(tuple(term for part in parts for term in part.terms))


def _scale(objective: Objective, factor: float) -> Objective:
    if not isinstance(objective, Objective):
        raise TypeError(f"{shorten(objective)} is no objective")
    return objective * factor


_TRANSFORMS = (Flip, Noise, Distance, Grayscale)
_RECIPES = (Recipe, Augmentation, Windows, MiddleSquare, Focus, Denoising, TotalVariation)
_OPTIMIZERS = (NormalizedAscent, SGD, Adam, SteepestAscent)
_ASKED = (classes, text, feature, diversity, embedding, one_per_image)
_CALLS: Mapping[str, Callable[..., Any]] = {
    **{kind.__name__: kind for kind in (*_RECIPES, *_OPTIMIZERS, *_TRANSFORMS, *KINDS.values(), Within)},
    **{ask.__name__: ask for ask in _ASKED},
    "prior": prior,
    "sum": _sum_up,
    "scale": _scale,
    "keyframes": lambda of: dict(of),
}
"""What settings can name: classes, and functions that ask for something and open no file."""

_TYPES: Mapping[str, Any] = {
    "recipe": Recipe | str | None,
    "augmentation": Augmentation,
    "windows": Windows,
    "transforms": tuple,
    "optimizer": Optimizer,
    "schedule": str,
    "focus": Focus | str | None,
    "denoising": Denoising | None,
    "denoiser": TotalVariation,
    "within": Within | float | int | None,
    "look": (*KINDS.values(), str, type(None)),
}
"""The types of what is named so in settings; numbers are checked where they are used."""

_LEFT_OUT = {"model", "start", "device", "progress", "callback", "film", "path"}
_LONGEST = 2**16  # The most numbers of a direction that are written down.


class _UnwrittenError(ValueError):
    """The error for what settings cannot hold."""


def describe_settings(function: str, given: Mapping[str, Any], judge: Judge, ascent: Ascent) -> dict[str, Any]:
    """Return the settings of a call with the arguments `given`, after its ascent: see `Rendering.settings`."""
    from .. import __version__

    arguments, unwritten = dict[str, Any](), dict[str, str]()
    for name in given.keys() - _LEFT_OUT:
        try:
            arguments[name] = _write(given[name])
        except (_UnwrittenError, RecursionError) as error:
            unwritten[name] = str(error)
    if given["start"] is not None:
        unwritten["start"] = f"its canvas has the SHA-256 {digest_tensors({'': ascent.stack.start})}"
    if len(ascent.history) < ascent.steps:
        unwritten["end"] = f"it ended after {len(ascent.history)} of {ascent.steps} steps"
    judges = {id(one.module): one for each in (judge, *ascent.judges) for one in each.members}
    return {
        "function": function,
        "arguments": {name: arguments[name] for name in given if name in arguments},
        "unwritten": unwritten,
        "models": [{"name": one.name, "sha256": digest_module(one.module)} for one in judges.values()],
        "versions": {"direct_ascent": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": str(ascent.device),
    }


def _write(value: Any) -> Any:
    """Return a value as JSON can hold it, or raise an _UnwrittenError."""
    if value is None or isinstance(value, bool | str):
        return value
    if as_number(value) is not None:
        whole = as_whole(value)
        return as_number(value) if whole is None else whole
    if isinstance(value, Tensor | np.ndarray) and math.prod(value.shape) <= _LONGEST:
        value = value.tolist()
    if isinstance(value, list | tuple | range) and len(value) <= _LONGEST:
        return [_write(one) for one in value]
    if isinstance(value, Objective):
        parts = [_write_term(term) for term in value.terms]
        return parts[0] if len(parts) == 1 else {"call": "sum", "parts": parts}
    if isinstance(value, Mapping):
        return {"call": "keyframes", "of": [[_write(key), _write(one)] for key, one in value.items()]}
    kind: Any = type(value)
    if _CALLS.get(kind.__name__) == kind:
        return {"call": kind.__name__, **{one.name: _write(getattr(value, one.name)) for one in fields(kind)}}
    raise _UnwrittenError(f"{shorten(value)} is of a function, an image, a file or another model, or too long")


def _write_term(term: Term | Question) -> Any:
    """Return a term of an objective as JSON can hold it, or raise an _UnwrittenError."""
    changed = term.regions or term.fades or term.tracks
    if isinstance(term, Term) and isinstance(term.score, PriorScore) and not changed:
        return {"call": "prior", "kind": term.score.kind, "weight": term.weight}
    name, given = (term.asked if isinstance(term, Question) else None) or ("", {})
    if changed or name not in _CALLS:
        raise _UnwrittenError(f"'{term.name}' is of a function, an image, a file, another model or a time")
    asked = {"call": name, **{key: _write(one) for key, one in given.items()}}
    return asked if term.weight == 1 else {"call": "scale", "objective": asked, "factor": term.weight}


def read_written(value: Any) -> Any:
    """Return what is written as in settings, or any other value as it is."""
    if isinstance(value, list | tuple):
        return tuple(map(read_written, value))
    if not isinstance(value, Mapping) or "call" not in value:
        return value
    name, given = value["call"], {key: read_written(one) for key, one in value.items() if key != "call"}
    if not isinstance(name, str) or name not in _CALLS:
        raise ValueError(f"settings name '{shorten(name)}', which they cannot make; they make {', '.join(_CALLS)}")
    _check_types(given)
    try:
        return _CALLS[name](**given)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"the settings of {name} do not fit it ({shorten(str(error))})") from error


def _check_types(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        kinds, each = _TYPES.get(name, object), value if name == "transforms" and isinstance(value, tuple) else ()
        if not isinstance(value, kinds) or any(not isinstance(one, _TRANSFORMS) for one in each):
            raise ValueError(f"the settings have {shorten(value)} as {name}, which it cannot be")


def _read_text(path: Path) -> str | None:
    """Return the text of a PNG that says how it was made, or None; its pixels are not read, however many there are."""
    try:
        with PngImageFile(path) as file:
            return file.info.get(KEYWORD)
    except (SyntaxError, ValueError):  # No PNG, or one with texts of more than a megabyte.
        return None


def read_settings(path: Path | str) -> dict[str, Any]:
    """Return how the picture of a file was made, as `Rendering.settings` says it.

    Args:
        path: a .png that `Rendering.save` has written, or a stack of a `Rendering`, see `save_stack`. The file is not
            trusted: what it says is compared with what settings can be, and nothing of it is run.

    Raises:
        ValueError: when the file cannot be read, or holds no settings or damaged ones.

    Example:
        >>> import tempfile
        >>> import direct_ascent as da
        >>> model, quick = da.load_starter(), {"size": 64, "steps": 2, "progress": False}
        >>> made = da.render(model, 0.5 * da.channel("blocks.3", 5), recipe="feature", **quick)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     settings = da.read_settings(made.save(f"{folder}/five.png")[0])
        >>> settings["arguments"]["objective"]["objective"]
        {'call': 'feature', 'layer': 'blocks.3', 'kind': 'channel', 'index': 5}
        >>> again = da.render(model, **settings["arguments"], progress=False)
        >>> bool((again.image == made.image).all())
        True
    """
    path = Path(path)
    with explain_unreadable(path):
        if not path.is_file():
            raise ValueError(f"there is no file '{shorten(path.name)}'; give a .png, or the file of a stack")
        found: Any = load_stack(path).settings if path.suffix.lower() == SUFFIX else _read_text(path)
    if found is None:
        raise ValueError(f"'{shorten(path.name)}' does not say how it was made; only .png and stacks of a Rendering do")
    try:
        found = json.loads(found, parse_constant=int) if isinstance(found, str) else found
        arguments = found["arguments"]
        if unknown := arguments.keys() & _LEFT_OUT:
            raise ValueError(f"settings give no {', '.join(sorted(unknown))}")
        _check_types({name: read_written(value) for name, value in arguments.items()})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"the settings in '{shorten(path.name)}' are damaged ({shorten(str(error), 200)}); choose another file"
        ) from error
    return dict(found)
