"""Tells which scripts a text tower was made for: Latin alone, which is the case for most CLIPs, or other scripts too.

Letters tell the script of a text, but not its language: French and English have the same letters, so these functions
cannot tell whether a model knows French.
"""

import unicodedata
from collections.abc import Iterable

_MANY = 5000
"""A tokenizer counts as made for other scripts than Latin if at least this many of its tokens contain a letter that is
not Latin. The vocabulary of an English BERT has 1,400 such tokens, nearly all of them single letters; vocabularies for
many languages have more than 20,000."""


def is_mostly_latin(text: str) -> bool:
    """Tell whether at least half of the letters of a text are Latin; a text without letters counts as Latin.

    Args:
        text: any text. Signs, digits and emoji do not count.

    Example:
        >>> from das_core.models.scripts import is_mostly_latin
        >>> is_mostly_latin("ein Schloß in 城堡"), is_mostly_latin("замок на холме"), is_mostly_latin("12:30 🐟")
        (True, False, True)
    """
    # Tokenizers normalise texts, so the text is normalised here too: full-width forms of Latin letters count as Latin.
    letters = [letter for letter in unicodedata.normalize("NFKC", text) if letter.isalpha()]
    return 2 * sum(map(_is_latin, letters)) >= len(letters)


def knows_other_scripts(vocabulary: Iterable[str]) -> bool:
    """Tell whether a tokenizer was made for other scripts than Latin.

    That is the case if at least 5,000 of its tokens contain a letter that is not Latin.

    Args:
        vocabulary: the tokens. If each character of a token stands for a byte, as in GPT-2 and CLIP, the result is
            False, because nearly all letters among these 256 characters are Latin. This is right for open_clip: all
            its tokenizers of this type were made for English.

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
    # Looking up a name is slow, and ASCII letters do not need it.
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
