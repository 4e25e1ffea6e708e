"""The check of a value that must be one of a few words."""

from collections.abc import Iterable


def check_choice(what: str, value: str, choices: Iterable[str]) -> None:
    """Raise an error that lists the choices, unless `value` is one of them.

    Args:
        what: what is chosen, as the user knows it, such as "method".
        value: what was given.
        choices: what may be given.

    Raises:
        ValueError: `value` is none of them.
    """
    known = list(choices)
    if value not in known:
        raise ValueError(f"{what} '{value}' is unknown; choose one of {', '.join(known)}")
