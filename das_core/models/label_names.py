"""The normal form of a name, which is the same for its different spellings, and the possible singulars of a word."""

import re

_PLURALS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))
"""Pairs of endings: of a plural, and of its singular."""


def normalise_name(text: str) -> str:
    """Return a name in lower case, without apostrophes, and with single spaces in place of hyphens and underscores."""
    return " ".join(re.sub(r"[\s_-]+", " ", re.sub(r"['`\u2019]", "", text)).split()).casefold()


def list_singulars(word: str) -> list[str]:
    """Return a word, followed by its possible singulars."""
    return [word] + [word.removesuffix(ending) + singular for ending, singular in _PLURALS if word.endswith(ending)]
