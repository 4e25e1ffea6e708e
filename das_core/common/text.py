"""Texts cut to a length."""


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
