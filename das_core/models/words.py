"""The words that a picture is described by, and their embeddings by a CLIP."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from .clip import CLIP
from .labels import imagenet_labels
from .sources.kept_tensors import WORDS, digest_tensors, find_cache_folder, read_tensors, write_tensors

PROBES = ("a photo of a dog", "blue")  # Texts whose embeddings tell a text tower from another.


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
    # In half precision, as the file is large: it moves a cosine by less than 0.001.
    kept = read_tensors(path, key, {WORDS: torch.Size((len(words), clip.width))}, torch.float16)
    if kept is None:
        kept = {WORDS: tower.embed_many(words, progress).half()}
        write_tensors(path, key, kept)
    return kept[WORDS].float()
