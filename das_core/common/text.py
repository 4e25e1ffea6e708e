"""Shortens texts, and values that are quoted in messages; turns full-width colons into ASCII colons."""

import reprlib
from numbers import Real

_LONGEST = 100
"""By default, a message quotes at most this many characters of a value."""

_MOST_BITS = 13_000
"""Whole numbers of more bits are not written out. Python refuses to write out more than 4,300 digits, which are about
14,280 bits."""

_CONTAINERS = (list, tuple, dict, set, frozenset, bytes, bytearray)


def truncate(text: str, length: int) -> str:
    """Return a text of at most `length` characters: the text itself, or its beginning and an ellipsis.

    Args:
        text: any text.
        length: the largest number of characters, the ellipsis included; at least 1.

    Example:
        >>> from das_core.common.text import truncate
        >>> truncate("a coral reef full of fish", 12)
        'a coral ree…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


def shorten(value: object, length: int = _LONGEST) -> str:
    """Return a value as text for a message: on one line, and truncated if it is long.

    Messages use this function to quote values from outside: a widget, a link or a file may contain a megabyte of text,
    a number of five thousand digits, or a tensor.

    Args:
        value: what was given, of any type.
        length: the largest number of characters.

    Example:
        >>> from das_core.common.text import shorten
        >>> shorten("resnet19"), shorten(0.25), len(shorten("x" * 1_000_000))
        ('resnet19', '0.25', 100)
        >>> shorten(10**5000), shorten([0] * 1_000_000), shorten(object())
        ('a number of thousands of digits', '[0, 0, 0, 0, 0, 0, ...]', 'a value of the type object')
    """
    if isinstance(value, str):
        # A long text is cut before the steps below, so that they do not process all of it.
        text = value[: 2 * length]
    elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
        text = "a number of thousands of digits"
    elif value is None or isinstance(value, Real):
        text = str(value)
    elif isinstance(value, _CONTAINERS):
        text = _describe_container(value)
    else:
        text = f"a value of the type {type(value).__name__}"
    # Unpaired surrogates, which a text from a link may contain, cannot be printed or sent.
    text = text.encode("utf-8", "backslashreplace").decode()
    return truncate(" ".join(text.split()), length)


def elide(text: str, length: int) -> str:
    """Return a text of at most `length` characters: the text itself, or its beginning, […] and its end.

    A message that is too long thus keeps the advice at its end.

    Args:
        text: any text.
        length: the largest number of characters, at least 7.

    Example:
        >>> from das_core.common.text import elide
        >>> elide("the class " + "x" * 1000 + " is unknown; choose another", 60)
        'the class xxxxxxxxxxxxxxxxx […] x is unknown; choose another'
    """
    if len(text) <= length:
        return text
    before, after = (length - 5) // 2, (length - 4) // 2
    return f"{text[:before]} […] {text[-after:]}"


def unify_colons(text: str) -> str:
    """Return a text of the same length in which every full-width colon is an ASCII colon.

    People who write Chinese or Japanese type full-width colons. A parser finds the colon before a weight, a factor or a
    wish in the returned text, and splits the given text at the same place. So full-width colons inside a name or a
    prompt stay as they are.

    Args:
        text: any text.

    Example:
        >>> from das_core.common.text import unify_colons
        >>> unify_colons("1-16\uff1a0.5")
        '1-16:0.5'
    """
    return text.replace("\uff1a", ":")


def _describe_container(value: object) -> str:
    """Return a list or another container as text that shows its first items only."""
    try:
        return reprlib.repr(value)
    except ValueError:
        # The container holds a number that Python refuses to write out.
        return f"a value of the type {type(value).__name__}"
