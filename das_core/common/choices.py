"""The check of a setting that must be one of a few words."""

from collections.abc import Iterable

from .text import shorten


def check_choice(what: str, value: str, choices: Iterable[str]) -> None:
    """Raise a ValueError that lists the choices unless `value` is one of them."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{what} '{shorten(value)}' is unknown; choose one of {', '.join(known)}")
