"""The starter CLIP, fitted once for all processes of a test run: encoding the sentences takes half a minute."""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from safetensors.torch import load_file, save_file
from torch import Tensor

from das_core.models.clip import CLIP
from das_core.models.sources import fitted_projection
from das_core.models.sources.kept_tensors import find_cache_folder
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.sources.starters import SECOND_OPINION, STARTER, STARTERS

# The folder that conftest.py made for the whole test run. Single tests set another TORCH_HOME later.
_HOME = Path(os.environ["TORCH_HOME"])
_KEPT = find_cache_folder()


class Fitted(NamedTuple):
    """A starter CLIP, the folder that keeps its projection, and what the projection was fitted on."""

    clip: CLIP
    folder: Path
    embeddings: Tensor


@cache
def fit_starter_clip() -> Fitted:
    """Return the starter CLIP with the embeddings of its sentences, which the first process of a run encodes."""
    folder, encoded = _HOME / "fitted", _HOME / "encoded.safetensors"
    with FileLock(_HOME / "fitted.lock"):
        if not encoded.exists():
            fitted_projection.last_encoded.clear()
            load_starter_clip(STARTER, folder)
            (embeddings,) = fitted_projection.last_encoded.values()
            save_file({"embeddings": embeddings}, encoded)
            _KEPT.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, _KEPT, dirs_exist_ok=True)
            for starter in (*STARTERS, SECOND_OPINION):
                load_starter_clip(starter)
    return Fitted(load_starter_clip(STARTER, folder), folder, load_file(encoded)["embeddings"])
