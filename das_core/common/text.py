"""Texts that have to fit."""


def truncate(text: str, length: int) -> str:
    """Return a text of at most `length` characters: the text itself, or its beginning and an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"
