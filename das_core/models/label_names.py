"""The normal form of names, in which spellings that mean the same are equal, and the possible singulars of a word."""

import re

_PLURALS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))
"""Endings of the plural, and what stands in their place in the singular."""


def normalise_name(text: str) -> str:
    """Return a name in small letters, without apostrophes, and with single spaces for hyphens and underscores."""
    return " ".join(re.sub(r"[\s_-]+", " ", re.sub(r"['`\u2019]", "", text)).split()).casefold()


def list_singulars(word: str) -> list[str]:
    """Return a word and its possible singulars."""
    return [word] + [word.removesuffix(ending) + singular for ending, singular in _PLURALS if word.endswith(ending)]
