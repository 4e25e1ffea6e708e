"""The warning that several nodes give when a text is in a script, such as Chinese, that a CLIP was not made to read."""

from collections.abc import Sequence

from ..das_core.models.clip import CLIP
from . import bridge


def warn_of_unread(clip: CLIP, texts: Sequence[str], node_id: str | None) -> None:
    """Show a warning on a node, for which the run goes on, when texts are in a script that a CLIP hardly reads."""
    if warning := clip.describe_unread(texts):
        # Short, because it has to fit on a node.
        bridge.warn_on_node(f"{warning}: write English, or load a multilingual CLIP", node_id)
