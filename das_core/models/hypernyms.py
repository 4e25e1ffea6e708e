"""Everyday words that are more general than the 1,000 class names of ImageNet, and the classes that each word covers.

For most animals, a word covers the classes below it in WordNet. For things, a word may also cover what people associate
with it: the word 'coffee' covers the coffeepot.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Hypernym(NamedTuple):
    """Words for one kind of thing, in the singular, and the indices of the classes of this kind, in rising order."""

    words: tuple[str, ...]
    classes: tuple[int, ...]


@cache
def list_hypernyms() -> tuple[Hypernym, ...]:
    """Return all hypernyms; a class may belong to several: a beagle is a hound, a dog, a mammal and an animal."""
    hypernyms = []
    for line in Path(__file__).with_name("hypernyms.txt").read_text(encoding="utf-8").splitlines():
        words, _, numbers = line.partition(": ")
        ends = [part.partition("-") for part in numbers.split()]
        classes = [index for first, _, last in ends for index in range(int(first), int(last or first) + 1)]
        hypernyms.append(Hypernym(tuple(words.split(", ")), tuple(classes)))
    return tuple(hypernyms)
