"""Lists, finds and offers checkpoint files on the disk, for the nodes that load models."""

import logging
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from comfy_api.latest import io

from ...das_core.common.text import shorten
from ...das_core.models.judge import J, check_judge
from ...das_core.models.sources.files import load_listed
from ...das_core.models.sources.gallery import FOLDER, OWN, Entry, list_gallery
from ...das_core.models.words import WORDS
from .. import bridge
from ..schema import tip

_LOG = logging.getLogger(__name__)

RECOMMENDED = "recommended"
"""The source of models that takes one of the gallery."""

AUTO = "auto"
"""The architecture of a file that is found by the names and shapes of its tensors."""

TIMM_FOLDER = "timm"
"""The folder, below the folder of classifiers, into which the weights of timm are downloaded."""


def checkpoint_input(kind: str) -> Any:
    """Return the input that chooses a checkpoint; if there are none, its only option says where to put them."""
    return tip(
        io.Combo.Input(
            "checkpoint", options=list_checkpoints(kind) or [_name_empty_folder(kind)], extra_dict={"files": True}
        ),
        f"A .safetensors, .pt, .pth, .bin{', .npy' * (kind == bridge.FEATURES)} or .ckpt file in models/{kind}; press "
        "R to see new ones. Only tensors are read from it; files with code in them are refused.",
    )


def gallery_input(kind: str) -> Any:
    """Return the input that chooses one of the gallery, see `list_gallery`, for models in a folder of this kind."""
    try:
        entries = list_gallery(kind, bridge.find_model_folder(kind))
    except ValueError as error:
        # The node must still load; a run that takes one of the gallery shows the error.
        _LOG.warning("%s", error)
        entries = list_gallery(kind)
    good = "; ".join(f"{entry.name}: {entry.good_for}" for entry in entries.values() if entry.good_for)
    return tip(
        io.Combo.Input("judge", options=list(entries)),
        f"Size and licence stand behind the name; downloaded once, into models/{kind}, when you pick one and run. "
        f"{good}. A file {OWN} there adds your own.",
    )


def find_entry(kind: str, title: Any) -> Entry:
    """Return what was chosen in `gallery_input`; raise a ValueError for any other value."""
    folder = bridge.find_model_folder(kind)
    entries = list_gallery(kind, folder)
    if not isinstance(title, str) or title not in entries:
        raise ValueError(
            f"the gallery has no '{shorten(title)}'; choose one of it, or add it with its address to {folder / OWN}"
        )
    return entries[title]


def load_recommended(kind: str, title: Any, wanted: type[J], lacks: str) -> J:
    """Return the judge that was chosen in `gallery_input`; a ValueError says what one of another class `lacks`."""
    entry = find_entry(kind, title)
    with bridge.Wait(f"loading {entry.name}", f"downloading {entry.title}") as wait:
        return check_judge(load_listed(entry, bridge.find_model_folder(kind), wait.report), wanted, lacks)


def list_checkpoints(kind: str) -> list[str]:
    """Return the names of the user's checkpoints: downloads and what is kept beside them are left out."""
    return [name for name in bridge.list_model_files(kind) if not _is_stored(PurePath(name).parts)]


def find_checkpoint(kind: str, name: Any) -> Path:
    """Return the path of a checkpoint that `list_checkpoints` lists; raise a ValueError for any other value."""
    folder = bridge.find_model_folder(kind)
    if not name or name == _name_empty_folder(kind):
        raise ValueError(
            f"no checkpoint is chosen; put a .safetensors or .pt file into {folder}, refresh (key R) and choose it"
        )
    if not isinstance(name, str) or name not in list_checkpoints(kind):
        raise ValueError(f"no checkpoint '{shorten(name)}' lies in {folder}; put it there and refresh (key R)")
    return bridge.find_model_file(kind, name)


def read_checkpoint_time(kind: str, source: Mapping[str, Any] | None) -> int:
    """Return when the chosen checkpoint was last changed, in nanoseconds since 1970; 0 if there is none."""
    if not isinstance(source, Mapping) or "checkpoint" not in source:
        return 0
    try:
        return find_checkpoint(kind, source.get("checkpoint")).stat().st_mtime_ns
    except (OSError, ValueError):
        # No file is chosen, or the file is gone since the list was made. Loading the file raises the error.
        return 0


def _is_stored(parts: tuple[str, ...]) -> bool:
    """Return whether a file is a download of timm, the hub or the gallery, or was written for a starter CLIP."""
    *folders, name = parts
    # Downloads from the Hugging Face hub lie in folders named after OWNER/REPOSITORY. The slash is written as two
    # hyphens.
    return (
        folders[:1] in ([TIMM_FOLDER], [FOLDER]) or any("--" in folder for folder in folders) or name.startswith(WORDS)
    )


def _name_empty_folder(kind: str) -> str:
    """Return the only option of the input `checkpoint` if there are no checkpoints: it says where to put them."""
    return f"put a .safetensors or .pt file into {'/'.join(bridge.find_model_folder(kind).parts[-2:])}"
