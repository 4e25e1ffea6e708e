"""A CLIP that needs no download: a starter classifier, and the table of words (docs/starter_clip.md)."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from ...common.modes import own_modes
from ..clip import CLIP, assemble_clip
from ..frozen import freeze
from ..judge import Judge
from ..text_tower import TextTower, is_mostly_latin
from ..word_table import read_word_table
from .starters import HALF, STARTER, Starter, read_starter
from .weights import fit_weights

_MOST_WORDS = 10_000  # More than any text has that a CLIP takes: none is cut off.


def load_starter_clip(starter: Starter = STARTER) -> CLIP:
    """Load a CLIP made of a starter classifier and a table of words: frozen, float32, on the CPU.

    Args:
        starter: `STARTER`, `SECOND_OPINION` or `THIRD_OPINION`.

    Example:
        >>> from das_core import load_starter_clip
        >>> load_starter_clip().encode_text(["a coral reef full of fish"]).shape
        torch.Size([1, 1280])
    """
    module, state = read_starter(starter)
    rows = state.pop("classifier.weight")
    del state["classifier.bias"]
    module.reset_classifier(0)  # type: ignore[operator]
    fit_weights(module, state, starter.file, starter.architecture)
    table = read_word_table()
    with own_modes():  # Gradients pass through them.
        directions = compute_class_directions(rows.clone())
        projection = table.meanings @ directions

    def encode(texts: Sequence[str]) -> Tensor:
        return table.embed(texts) @ projection

    words = TextTower(
        lambda text: encode([text])[0],
        lambda text: len(table.split(text)),
        _MOST_WORDS,
        reads=is_mostly_latin,
        encode_batch=encode,
    )
    judge = Judge(f"Starter CLIP ({starter.title})", freeze(module), starter.size, HALF, HALF)
    return replace(assemble_clip(judge, words, "shortest", "bicubic"), concepts=directions)


def compute_class_directions(rows: Tensor) -> Tensor:
    """Return the direction (classes, D) of each class: its row in the last layer (classes, D), centred, of length 1."""
    return F.normalize(rows - rows.mean(dim=0), dim=1)
