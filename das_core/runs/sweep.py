"""`sweep`: calls a function with every combination of some settings, and returns a row for each."""

import hashlib
import inspect
import io
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from ..common.scalars import as_list, as_number
from ..common.text import shorten
from .cells import Cell, Row, Workers
from .engine import list_results_here, run_cells

_MOST = 100_000  # Of combinations.
_TOLD = ("status", "message", "seconds")  # The last columns of a row.
_OWN = {*_TOLD, "cell", "pictures", "peak_bytes", "worker", "finished", "python"}


@dataclass(frozen=True)
class SettingsRunner:
    """Calls a function with the settings of a cell; what is to be `stored` becomes numbers, texts and files."""

    run: Callable[..., Any]
    stored: bool

    def __call__(self, task: tuple[str, Mapping[str, Any]], folder: Path) -> Row:
        """Return what the function returns as columns, and write its pictures to a folder."""
        cell, settings = task
        made = self.run(**settings)
        row: Row = dict(made) if isinstance(made, Mapping) else {"result": made}
        if taken := [name for name in row if not isinstance(name, str) or name in _OWN or name in settings]:
            raise ValueError(f"the function returns '{shorten(taken[0])}', which names another column; rename it")
        if not self.stored:
            return row
        pictures = list[str]()
        for name, value in row.items():
            if callable(getattr(value, "save", None)):  # A `Result`, or an image of Pillow.
                value.save(folder / f"{re.sub(r'[^A-Za-z0-9]', '_', name)}_{len(pictures)}.png")
                new = sorted({path.name for path in folder.iterdir()} - set(pictures))
                row[name], pictures = f"cells/{cell[:2]}/{cell}/{new[0]}", [*pictures, *new]
            else:
                row[name] = _as_plain(value)
                if row[name] is None and value is not None:
                    raise ValueError(
                        f"'{name}' is a {type(value).__name__}; a row in a folder has numbers, texts, and pictures, "
                        "which have a method save: return what you need of it, such as {'score': …, 'picture': …}"
                    )
        return row | {"pictures": pictures}


def sweep(
    grid: Mapping[str, Iterable[Any]],
    run: Callable[..., Any],
    path: Path | str | None = None,
    *,
    retry: bool = False,
    progress: bool = True,
) -> list[Row]:
    """Call a function with every combination of settings, and return a row for each, in their order.

    A row has the settings; what the function returned, a dictionary as columns and anything else as the column
    `result`; `status`, 'ok' or 'failed'; `message`, which says why it failed; and `seconds`. An error of the function
    is kept in its row, and the others go on.

    Args:
        grid: the values of each setting by its name, a keyword of the function; the last one changes fastest.
        run: the function.
        path: a folder of this sweep, or None. There each row is stored as soon as it is done, so that the same call
            goes on where it was stopped, also with a grid that has grown. Then settings are numbers, texts, None, or
            lists or dataclasses of these, such as a `Recipe`; and the function returns numbers, texts, and pictures,
            such as a `Result`, of which the row has the path of a PNG. Rows are also in `table.parquet`. The folder
            knows the function by its name: take another one when it has changed.
        retry: whether what has failed is called again.
        progress: whether to show a progress bar.

    Raises:
        ValueError: when the function does not take these settings, or a folder cannot know their values again.
        RunsError: when the folder is of another sweep, in use, or cannot be written to.
        RunsStoppedError: when nothing more can be stored, as with a full disk; called again, it goes on from there.

    Example:
        >>> import direct_ascent as da
        >>> model, quick = da.load_starter(), {"size": 64, "steps": 2, "progress": False}
        >>> def make(seed, recipe):
        ...     made = da.render(model, "jellyfish", recipe=recipe, seed=seed, **quick)
        ...     return {"picture": made, "score": made.scores["jellyfish"][0]}
        >>> rows = da.sweep({"seed": range(2), "recipe": ["sketch", "picture"]}, make, progress=False)
        >>> [(row["seed"], row["recipe"], row["status"], row["score"] < 0) for row in rows]
        [(0, 'sketch', 'ok', True), (0, 'picture', 'ok', True), (1, 'sketch', 'ok', True), (1, 'picture', 'ok', True)]
    """
    combinations = _combine(grid, run)
    cells = list[Cell]()
    for settings in combinations:
        texts = {name: _write(name, value) for name, value in settings.items()} if path is not None else {}
        cell = hashlib.sha256(repr(sorted(texts.items())).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        columns = {name: texts[name] if (value := _as_plain(settings[name])) is None else value for name in texts}
        cells.append(Cell(cell, columns, (cell, settings)))
    runner = SettingsRunner(run, path is not None)
    if path is None:
        bar = tqdm(list_results_here(cells, runner), total=len(cells), unit="call", disable=not progress)
        rows = [message[0] for message in bar if not isinstance(message, str)]
    else:
        from .results import Results  # It needs packages that a sweep in memory does not.

        results = Results(Path(path))
        with results.claim(f"sweep of {getattr(run, '__qualname__', type(run).__name__)}"):
            run_cells(cells, runner, results, Workers(here=True), sys.stderr if progress else io.StringIO(), retry)
        rows = [
            {
                name: str(results.path / value) if isinstance(value, str) and value in row["pictures"] else value
                for name, value in row.items()
            }
            for row in (results.rows[cell.hash] for cell in cells)
        ]
    return [
        settings
        | {name: value for name, value in row.items() if name not in _OWN and name not in settings}
        | {name: row.get(name) for name in _TOLD}
        for settings, row in zip(combinations, rows, strict=True)
    ]


def _combine(grid: Mapping[str, Iterable[Any]], run: Callable[..., Any]) -> list[dict[str, Any]]:
    """Return the combinations of a grid, or raise a ValueError when it has none or too many, or a function takes
    other settings."""
    if not isinstance(grid, Mapping) or not grid or not callable(run):
        what = f"the grid {shorten(grid)} has no settings" if callable(run) else f"{shorten(run)} is no function"
        raise ValueError(f"{what}; write sweep({{'seed': range(4)}}, function)")
    axes = {name: as_list(f"the values of {shorten(name)}", values, "range(4)") for name, values in grid.items()}
    count = math.prod(map(len, axes.values()))
    if not 0 < count <= _MOST:
        empty = [name for name, values in axes.items() if not values]
        raise ValueError(
            f"{empty[0]} has no values; give one at least" if empty else f"{count:,} combinations are above {_MOST:,}"
        )
    if taken := [name for name in axes if not isinstance(name, str) or name in _OWN]:
        raise ValueError(f"'{shorten(taken[0])}' cannot be the name of a setting; rows have {', '.join(sorted(_OWN))}")
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    try:
        inspect.signature(run).bind(**combinations[0])
    except (TypeError, ValueError) as error:
        if isinstance(error, TypeError):  # A ValueError: a function of C does not say what it takes.
            raise ValueError(f"the function does not take {', '.join(axes)} ({error}); give what it takes") from error
    return combinations


def _as_plain(value: Any) -> str | float | bool | None:
    """Return a number or a text as Python's own, also that of NumPy or PyTorch; None if it is neither."""
    if isinstance(value, Tensor | np.ndarray):
        value = value.item() if math.prod(value.shape) == 1 else None
    elif isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int) else as_number(value)


def _write(name: str, value: Any) -> str:
    """Return the value of a setting as a text by which a folder knows it again, or raise a ValueError."""
    plain = _as_plain(value) if not isinstance(value, Tensor | np.ndarray) else None
    if plain is not None or value is None:
        return repr(plain)
    if isinstance(value, list | tuple | range):
        return f"[{', '.join(_write(name, one) for one in value)}]"
    if is_dataclass(value) and not isinstance(value, type):
        inside = ", ".join(f"{one.name}={_write(name, getattr(value, one.name))}" for one in fields(value))
        return f"{type(value).__qualname__}({inside})"
    raise ValueError(
        f"{name} has {shorten(value)}, which a folder could not know again; give a text or a number by which the "
        "function finds it, or leave the folder out"
    )
