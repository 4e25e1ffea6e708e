"""What the loaders share: when the checkpoint that they are to load was last changed."""

from collections.abc import Mapping
from typing import Any

from .. import bridge


def read_checkpoint_time(kind: str, source: Mapping[str, Any] | None) -> int:
    """Return when the checkpoint that is chosen in a loader was last changed.

    Args:
        kind: `bridge.CLASSIFIERS` or `bridge.CLIPS`.
        source: the value of the loader's input `source`.

    Returns:
        Nanoseconds since 1970; 0 when `source` chooses no file or a file that does not exist.
    """
    if source and source.get("source") == "file" and source.get("checkpoint") in bridge.list_model_files(kind):
        return bridge.find_model_file(kind, source["checkpoint"]).stat().st_mtime_ns
    return 0
