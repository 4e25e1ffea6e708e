"""Tells which scripts a text tower was made for: Latin alone, which is the case for most CLIPs, or other scripts too.

Letters tell the script of a text, but not its language: these functions cannot tell whether a model knows French.
"""

import unicodedata
from collections.abc import Iterable
from itertools import islice

_MANY = 5000
"""So many tokens with a letter that is not Latin show that a tokenizer was made for other scripts. The vocabulary of an
English BERT has 1,400, nearly all of them single letters; vocabularies for many languages have more than 20,000."""


def is_mostly_latin(text: str) -> bool:
    """Tell whether at least half of the letters of a text are Latin; a text without letters counts as Latin."""
    # Tokenizers normalise texts, so the text is normalised here too: full-width forms of Latin letters count as Latin.
    letters = [letter for letter in unicodedata.normalize("NFKC", text) if letter.isalpha()]
    return 2 * sum(map(_is_latin, letters)) >= len(letters)


def knows_other_scripts(vocabulary: Iterable[str]) -> bool:
    """Tell whether a tokenizer was made for other scripts than Latin, from the tokens of its vocabulary."""
    foreign = (token for token in vocabulary if any(letter.isalpha() and not _is_latin(letter) for letter in token))
    return sum(1 for _ in islice(foreign, _MANY)) == _MANY


def _is_latin(letter: str) -> bool:
    # Looking up a name is slow, and ASCII letters do not need it.
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
