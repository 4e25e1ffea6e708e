"""The check of a setting that must be one of a few words."""

from collections.abc import Iterable

from .text import shorten


def check_choice(what: str, value: str, choices: Iterable[str]) -> None:
    """Raise an error that lists the choices unless `value` is one of them.

    Args:
        what: the name of the setting in the message, such as "method".
        value: the given value.
        choices: the allowed values.

    Raises:
        ValueError: when `value` is not one of the choices.

    Example:
        >>> from das_core.common.choices import check_choice
        >>> check_choice("method", "fast", ["spectral", "layers"])
        Traceback (most recent call last):
        ValueError: method 'fast' is unknown; choose one of spectral, layers
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{what} '{shorten(value)}' is unknown; choose one of {', '.join(known)}")
