"""Which scripts a text tower was made for: Latin alone, as most CLIPs, or many.

Only the script of a text can be told from its letters: French is written like English, so nothing here tells whether a
model knows it.
"""

import unicodedata
from collections.abc import Iterable

_MANY = 5000
"""A vocabulary with at least this many tokens in other scripts was made for them. That of an English BERT has 1,400,
nearly all single letters; those that are made for many languages have more than 20,000."""


def is_mostly_latin(text: str) -> bool:
    """Tell whether at least half of the letters of a text are Latin; a text without letters counts as Latin.

    Args:
        text: any text. Signs, digits and emoji do not count.

    Example:
        >>> from das_core.models.scripts import is_mostly_latin
        >>> is_mostly_latin("ein Schloß in 城堡"), is_mostly_latin("замок на холме"), is_mostly_latin("12:30 🐟")
        (True, False, True)
    """
    # Normalised, as tokenizers do it: letters of full width are Latin, too.
    letters = [letter for letter in unicodedata.normalize("NFKC", text) if letter.isalpha()]
    return 2 * sum(map(_is_latin, letters)) >= len(letters)


def knows_other_scripts(vocabulary: Iterable[str]) -> bool:
    """Tell whether a tokenizer was made for other scripts than Latin: whether 5,000 tokens have such letters.

    Args:
        vocabulary: the tokens. Those of GPT-2 and CLIP stand for bytes and do not count as letters; all tokenizers of
            open_clip with such tokens were made for English.

    Example:
        >>> from das_core.models.scripts import knows_other_scripts
        >>> knows_other_scripts(["castle", "##s", "\\u0437", "\\u57ce"])
        False
    """
    count = 0
    for token in vocabulary:
        count += any(letter.isalpha() and not _is_latin(letter) for letter in token)
        if count >= _MANY:
            return True
    return False


def _is_latin(letter: str) -> bool:
    """Tell whether a letter is Latin."""
    # The name is slow to look up, and most letters need none.
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
