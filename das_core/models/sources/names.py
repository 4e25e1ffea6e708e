"""Names of models: those that lists begin with, and names that messages repeat."""

from collections.abc import Iterable

_LONGEST = 100
"""How many characters of a name that nobody knows a message repeats."""


def sort_common_first(names: Iterable[str], common: Iterable[str]) -> list[str]:
    """Return names with the common ones first, and the others behind them in their own order.

    Args:
        names: the names of all models.
        common: names in the order in which they come first; one that is none of `names` is left out.

    Example:
        >>> from das_core.models.sources.names import sort_common_first
        >>> sort_common_first(["a", "b", "c"], ["c", "x"])
        ['c', 'a', 'b']
    """
    listed = list(names)
    first = [name for name in common if name in listed]
    return [*first, *(name for name in listed if name not in first)]


def shorten(name: object) -> str:
    """Return a name as messages repeat it: cut when it is long; it may be anything that came in.

    Args:
        name: what was given in place of the name of a model.

    Example:
        >>> from das_core.models.sources.names import shorten
        >>> shorten("resnet19")
        'resnet19'
    """
    text = str(name)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
