"""Shortens texts, and values that are quoted in messages; turns full-width colons into ASCII colons."""

import reprlib
from numbers import Real

_MOST_BITS = 13_000  # Python refuses to write out whole numbers of more than 4,300 digits, about 14,280 bits.


def truncate(text: str, length: int) -> str:
    """Return a text of at most `length` characters: the text itself, or its beginning and an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shorten(value: object, length: int = 100) -> str:
    """Return any value as text for a message: on one line, and truncated if it is long."""
    if isinstance(value, str):
        text = value[: 2 * length]  # The steps below need not process all of a long text.
    elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
        text = "a number of thousands of digits"
    elif value is None or isinstance(value, Real):
        text = str(value)
    elif isinstance(value, list | tuple | dict | set | frozenset | bytes | bytearray):
        try:
            text = reprlib.repr(value)
        except ValueError:  # It holds a number that Python refuses to write out.
            text = f"a value of the type {type(value).__name__}"
    else:
        text = f"a value of the type {type(value).__name__}"
    # Unpaired surrogates, which a text from a link may contain, cannot be printed or sent.
    text = text.encode("utf-8", "backslashreplace").decode()
    return truncate(" ".join(text.split()), length)


def elide(text: str, length: int) -> str:
    """Return a text of at most `length` (7 or more) characters: the text itself, or its beginning, […] and its end."""
    if len(text) <= length:
        return text
    before, after = (length - 5) // 2, (length - 4) // 2
    return f"{text[:before]} […] {text[-after:]}"


def unify_colons(text: str) -> str:
    """Return a text of the same length in which every full-width colon is an ASCII colon."""
    return text.replace("\uff1a", ":")
