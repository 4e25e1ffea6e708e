"""Acts as text: a compact JSON, which a workflow stores and anyone may write, so what is read is checked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ...common.scalars import check_number
from ...common.text import shorten
from ..preparation import MOST_STEPS
from .acts import Choose, GoOn, Place, Protect, TimedAct, Weigh

MOST_ACTS, LONGEST_TEXT = 10_000, 1_000_000
"""How many acts are read, and from how many characters: those of the longest text that a node takes."""

_KINDS: Mapping[str, type[Any]] = {"weigh": Weigh, "choose": Choose, "place": Place, "protect": Protect, "go_on": GoOn}
_EXAMPLE = '[[12, "weigh", "castle", 0.5], [20, "choose", [0, 2]]]'


def write_acts(acts: Sequence[TimedAct]) -> str:
    """Return acts as a compact JSON text, which `read_acts` reads; an empty text if there are none.

    Args:
        acts: acts, each after how many steps it came, as in `Ascent.acts`.

    Example:
        >>> import direct_ascent as da
        >>> da.steering.write_acts([(12, da.steering.Place(0.25, 0.5)), (20, da.steering.Choose([3]))])
        '[[12,"place",0.25,0.5],[20,"choose",[3]]]'
    """
    names = {kind: name for name, kind in _KINDS.items()}
    rows = [[step, names[type(act)], *vars(act).values()] for step, act in acts]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False) if rows else ""


def read_acts(text: str) -> tuple[TimedAct, ...]:
    """Read the text of `write_acts`.

    Args:
        text: the text; an empty one has no acts. Acts at a step that an ascent does not have are never reached.

    Raises:
        ValueError: when it is no such text: says which act cannot be, and why.

    Example:
        >>> import direct_ascent as da
        >>> text = da.steering.write_acts([(12, da.steering.Weigh("castle", 0.5))])
        >>> text, da.steering.read_acts(text)
        ('[[12,"weigh","castle",0.5]]', ((12, Weigh(objective='castle', factor=0.5)),))
    """
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise ValueError(f"acts {shorten(text)} are no text of at most {LONGEST_TEXT} characters, as {_EXAMPLE}")
    if not text.strip():
        return ()
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"acts {shorten(text)} cannot be read ({shorten(str(error))}); write {_EXAMPLE}") from error
    if not isinstance(rows, list) or len(rows) > MOST_ACTS:
        raise ValueError(f"acts {shorten(text)} are no list of at most {MOST_ACTS}; write {_EXAMPLE}")
    return tuple(read_act(row, number) for number, row in enumerate(rows, start=1))


def read_act(row: Any, number: int = 1) -> TimedAct:
    """Return the act with this number in a list; `row` is what was JSON."""
    if not isinstance(row, list) or len(row) < 2 or not isinstance(row[1], str) or row[1] not in _KINDS:
        raise ValueError(f"act {number}, {shorten(row)}, is none of {', '.join(_KINDS)}; write {_EXAMPLE}")
    step = check_number(f"act {number}: step", row[0], 0, MOST_STEPS, f"write {_EXAMPLE}", whole=True)
    kind = _KINDS[row[1]]
    needed = [field.name for field in fields(kind)]
    if len(row) - 2 != len(needed):
        raise ValueError(f"act {number}, {shorten(row)}, needs {', '.join(needed) or 'nothing'} after '{row[1]}'")
    try:
        return step, kind(*row[2:])
    except ValueError as error:
        raise ValueError(f"act {number}, '{row[1]}': {error}") from error


def check_acts(acts: Sequence[TimedAct]) -> None:
    """Raise a ValueError when the text of acts, but for those of one's own, is more than `read_acts` reads."""
    listed = [timed for timed in acts if type(timed[1]) in _KINDS.values()]
    size = len(write_acts(listed))
    if size > LONGEST_TEXT or len(listed) > MOST_ACTS:
        raise ValueError(
            f"with this act, what is steered could not be repeated: it is {len(listed):,} acts of {size:,} characters, "
            f"and {MOST_ACTS:,} of {LONGEST_TEXT:,} are read; paint with fewer and larger circles"
        )


def split_acts(acts: Sequence[TimedAct]) -> list[tuple[int, tuple[TimedAct, ...], int]]:
    """Return, for one ascent after the other, how many times as large as the one before it is (1 for the first), its
    acts, and after how many steps the next one begins.

    Args:
        acts: acts, such as those that `read_acts` returns.

    Example:
        >>> import direct_ascent as da
        >>> da.steering.split_acts(da.steering.read_acts('[[12,"place",0.25,0.5],[60,"go_on",2]]'))
        [(1, ((12, Place(row=0.25, column=0.5)),), 60), (2, (), 100000)]
    """
    parts: list[tuple[int, tuple[TimedAct, ...], int]] = []
    begin, scale = 0, 1
    for place, (step, act) in enumerate(acts):
        if isinstance(act, GoOn):
            parts.append((scale, tuple(acts[begin:place]), step))
            begin, scale = place + 1, act.scale
    return [*parts, (scale, tuple(acts[begin:]), MOST_STEPS)]
