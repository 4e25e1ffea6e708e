"""The starter CLIP, fitted once for all tests: encoding the sentences about its classes takes many seconds."""

import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from torch import Tensor

from das_core.models.clip import CLIP
from das_core.models.sources import fitted_projection
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.sources.starters import STARTER

# Held, so that the folder is removed with its files when Python ends and no earlier.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


class Fitted(NamedTuple):
    """A starter CLIP, the folder that keeps its projection, and what the projection was fitted on.

    `embeddings` (N, E) are those of the sentences about all classes, as the sentence encoder gives them.
    """

    clip: CLIP
    folder: Path
    embeddings: Tensor


@cache
def fit_starter_clip() -> Fitted:
    """Load the starter CLIP into an empty folder, and return it with the embeddings that were made on the way."""
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="starter_clip_"))
    folder = Path(_FOLDERS[-1].name)
    embeddings: list[Tensor] = []

    def encode(*arguments: object) -> Tensor:
        embeddings.append(original(*arguments))  # type: ignore[arg-type]
        return embeddings[-1]

    original = fitted_projection.encode_sentences
    fitted_projection.last_encoded.clear()
    with mock.patch.object(fitted_projection, "encode_sentences", encode):
        clip = load_starter_clip(STARTER, folder)
    (encoded,) = embeddings
    return Fitted(clip, folder, encoded)
