"""The half of a CLIP that embeds texts; it caches the embeddings. And which scripts it was made to read."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..common.interruption import allow_interrupt
from ..common.modes import own_modes

_CACHE_SIZE = 20_000  # How many embeddings of texts a tower keeps; each takes a few kilobytes.
_BATCH = 64  # How many texts `embed_many` encodes at once.
_encoding = RLock()  # Reentrant, because the tower of an ensemble calls the towers of its members.
_MANY = 5000
"""So many tokens with a letter that is not Latin show that a tokenizer was made for other scripts. The vocabulary of an
English BERT has 1,400, nearly all of them single letters; vocabularies for many languages have more than 20,000."""


@dataclass(frozen=True, eq=False)
class TextTower:
    """The half of a CLIP that embeds texts, one at a time, so that an embedding depends on its text alone."""

    encode: Callable[[str], Tensor]  # Returns the embedding (D,) of a text; it need not have length 1.
    count: Callable[[str], int]  # Returns how many tokens a text has, start and end tokens included.
    context_length: int  # How many of these tokens are encoded; the rest is cut off.
    module: nn.Module | None = field(default=None, repr=False)  # What `encode` runs, to be moved to a device first.
    owner: Any = field(default=None, repr=False)  # What must live as long as the tower; in ComfyUI, a `ModelPatcher`.
    # Returns whether the tower was made for the script that a text is written in.
    reads: Callable[[str], bool] = field(default=lambda text: True, repr=False)
    # Returns the embeddings (T, D) of T texts at once, up to rounding; None if they can only be encoded one by one.
    encode_batch: Callable[[Sequence[str]], Tensor] | None = field(default=None, repr=False)
    _cache: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def is_cached(self, text: str) -> bool:
        """Return whether the embedding of a text is cached."""
        return text in self._cache

    def embed(self, text: str) -> Tensor:
        """Return the embedding (D,) of a text, scaled to length 1, in float32 on the CPU."""
        # One thread at a time, because some tokenizers can be used by one thread only.
        with _encoding:
            if text not in self._cache:
                with own_modes(), torch.no_grad():
                    embedding = self.encode(text).detach().clone().float().cpu()
                    self._cache[text] = F.normalize(embedding, dim=0)
                if len(self._cache) > _CACHE_SIZE:
                    del self._cache[next(iter(self._cache))]
            return self._cache[text]

    def embed_many(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Tensor:
        """Return the embeddings (T, D) of thousands of texts as `embed` does, up to rounding; none of them is cached.
        `progress` is called with how many of how many are encoded."""
        encode = self.encode_batch or (lambda part: torch.stack([self.encode(text) for text in part]))
        # Texts of similar length share a batch, because a padding token takes as much time as a token of a word.
        order, found = sorted(range(len(texts)), key=lambda index: len(texts[index])), list[Tensor]()
        with _encoding, own_modes(), torch.no_grad():
            for begin in range(0, len(order), _BATCH):
                allow_interrupt()
                part = order[begin : begin + _BATCH]
                found.append(F.normalize(encode([texts[index] for index in part]).float(), dim=1).cpu())
                if progress:
                    progress(begin + len(part), len(order))
        return torch.cat(found)[sorted(range(len(order)), key=order.__getitem__)]

    def count_truncated(self, text: str) -> int:
        """Return how many tokens of a text lie beyond the context length, so that they are cut off."""
        return max(0, self.count(text) - self.context_length)


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
