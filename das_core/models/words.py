"""The words that a picture is described by, and their embeddings by a CLIP."""

import hashlib
import logging
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import safetensors
import torch
from torch import Tensor

from ..common.files import find_cache_folder, write_atomically
from ..common.tensor_file import digest_tensors, write_tensor_file
from .clip import CLIP
from .labels import imagenet_labels

_LOG = logging.getLogger(__name__)

WORDS = "words_"  # The beginning of the names of files.

PROBES = ("a photo of a dog", "blue")  # Texts whose embeddings tell a text tower from another.
_LARGEST_HEADER = 2**16  # The most bytes of a file besides the numbers; it has a few hundred.

# The errors that are raised when the file is damaged, or is some other file.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)


@cache
def list_words() -> tuple[str, ...]:
    """Return about 29,000 English names of things: those of WordNet for the classes of the whole ImageNet, as timm has
    them. Of names with capitals, which are mostly scientific, there are those of the 1,000 classes."""
    from timm.data import ImageNetInfo  # It takes a second to load.

    info = ImageNetInfo("imagenet22k")
    names = (info.index_to_description(index) for index in range(info.num_classes()))
    words = (word.strip() for several in names for word in several.split(","))
    common = (label.names[0] for label in imagenet_labels().labels)
    return tuple(dict.fromkeys([*common, *(word for word in words if word[:1].islower())]))


def embed_words(
    clip: CLIP, folder: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[Tensor, ...]:
    """Return the embeddings (N, D) of `list_words` by each member of a CLIP, of length 1, in float32 on the CPU. A
    `folder` (None: `find_cache_folder`) keeps those of a network, 75 MB or less, for they take minutes on a CPU."""
    return tuple(_embed(member, folder or find_cache_folder(), progress) for member in clip.members)


def _embed(clip: CLIP, folder: Path, progress: Callable[[int, int], None] | None) -> Tensor:
    tower, words = clip.text_tower, list_words()
    if tower.module is None:
        return tower.embed_many(words, progress)
    probes = {text: tower.embed(text) for text in PROBES}
    key = hashlib.sha256(f"{digest_tensors(probes)} {words}".encode()).hexdigest()
    path = folder / f"{WORDS}{key[:16]}.safetensors"
    kept = read_words(path, key, (len(words), clip.width))
    if kept is None:
        # In half precision, as the file is large: it moves a cosine by less than 0.001.
        kept = tower.embed_many(words, progress).half()
        keep_words(path, key, kept)
    return kept.float()


def keep_words(path: Path, key: str, embeddings: Tensor) -> None:
    """Keep embeddings, float16, in a file, with a key of all that they depend on; a failure is only logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            write_tensor_file(part, {WORDS: embeddings}, {"sha256": digest_tensors({key: embeddings})})
    except (OSError, ValueError) as error:  # ValueError: the path is a folder
        _LOG.warning("%s could not be kept (%s); it will be made anew next time", path, error)


def read_words(path: Path, key: str, shape: tuple[int, int]) -> Tensor | None:
    """Return the embeddings that were kept with a key; None if there are none. The file is not trusted."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > 2 * math.prod(shape) + _LARGEST_HEADER:
            raise ValueError("too large")
        with safetensors.safe_open(path, "pt") as file:
            kept: Tensor = file.get_tensor(WORDS)
            digest = (file.metadata() or {}).get("sha256")
        if kept.shape != shape or kept.dtype is not torch.float16 or digest != digest_tensors({key: kept}):
            raise ValueError("its numbers are not those that were written")
    except _DAMAGES as error:
        _LOG.warning("%s cannot be used (%s) and is made anew", path, error)
        return None
    return kept
