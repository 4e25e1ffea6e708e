"""Texts without a network: a table of the embeddings of words, whose sum is the embedding of a text.

The table was learned once from the answers of a sentence encoder, all-MiniLM-L6-v2 (Wang et al., 2020, arXiv
2002.10957), by `tools/generators/make_words.py`; its values have three bits each. That a table can take the place of
such a network, and that frequent words have to count less (Arora et al., 2017, "A simple but tough-to-beat baseline for
sentence embeddings"), is known; model2vec makes tables in a similar way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn import functional as F

FILE = Path(__file__).with_name("words.safetensors")
BITS = 3  # Of a value.


@dataclass(frozen=True, eq=False)
class WordTable:
    """The embeddings of words, and what they mean in terms of the classes of ImageNet.

    Args:
        words: the words, or parts of words, in the order of the rows; the parts within a word begin with '##'.
        codes: the values as numbers of `BITS` bits, packed into bytes: (words, E * BITS / 8).
        levels: what the numbers stand for: (2 ** BITS,).
        scales: the factor of every column: (E,).
        lengths: the factor of every row, by which rare words count more: (words,).
        meanings: how much of the direction of each class belongs to each value of an embedding: (E, classes).
    """

    words: Sequence[str] = field(repr=False)
    codes: Tensor = field(repr=False)
    levels: Tensor = field(repr=False)
    scales: Tensor = field(repr=False)
    lengths: Tensor = field(repr=False)
    meanings: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        places = {word: place for place, word in enumerate(self.words)}
        tokenizer = Tokenizer(models.WordPiece(places, unk_token=self.words[0]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        object.__setattr__(self, "_tokenizer", tokenizer)

    def split(self, text: str) -> list[int]:
        """Return the numbers of the words and parts of words of a text; a word that is not known is the first."""
        found: list[int] = self._tokenizer.encode(text).ids  # type: ignore[attr-defined]
        return found

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return the embeddings (T, E) of texts, of length 1; zeros for a text without a known word."""
        split = [self.split(text) for text in texts]
        numbers = torch.tensor([number for one in split for number in one], dtype=torch.int64)
        rows, places = numbers.unique(return_inverse=True)
        text = torch.repeat_interleave(torch.arange(len(texts)), torch.tensor([len(one) for one in split]))
        sums = torch.zeros(len(texts), len(self.scales)).index_add_(0, text, self.read_rows(rows)[places])
        return F.normalize(sums, dim=1)

    def read_rows(self, rows: Tensor) -> Tensor:
        """Return rows (N, E) of the table by their numbers (N,)."""
        bits = np.unpackbits(self.codes[rows].numpy(), axis=1).reshape(len(rows), len(self.scales), BITS)
        numbers = torch.from_numpy(np.packbits(bits, axis=2, bitorder="big")[..., 0] >> (8 - BITS)).long()
        return self.levels[numbers] * self.scales * self.lengths[rows, None]


@cache
def read_word_table() -> WordTable:
    """Return the table that lies beside this file."""
    tensors = safetensors.torch.load_file(FILE)
    words = bytes(tensors.pop("words").tolist()).decode().split("\n")
    numbers = {name: tensor if tensor.dtype is torch.uint8 else tensor.float() for name, tensor in tensors.items()}
    return WordTable(words, **numbers)
