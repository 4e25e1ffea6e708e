"""Warnings that a user sees: in the log, and as text on the node."""

import logging

from .page import say_on_node

_LOG = logging.getLogger(__name__)


def warn_on_node(warning: str, node_id: str | None) -> None:
    """Log a warning and, if the id of a node is known, show it there until the next text or run."""
    _LOG.warning("%s", warning)
    if node_id is not None:
        say_on_node(node_id, warning)
