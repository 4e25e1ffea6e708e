"""Sorts the names of models in lists: the common ones first."""

from collections.abc import Iterable


def sort_common_first(names: Iterable[str], common: Iterable[str]) -> list[str]:
    """Return names with the common ones first, followed by the others in the order in which they are given.

    Args:
        names: the names of all models.
        common: the common names, in the order in which they are to come first; those not in `names` are ignored.

    Example:
        >>> from das_core.models.sources.names import sort_common_first
        >>> sort_common_first(["a", "b", "c"], ["c", "x"])
        ['c', 'a', 'b']
    """
    listed = list(names)
    first = [name for name in common if name in listed]
    return [*first, *(name for name in listed if name not in first)]
