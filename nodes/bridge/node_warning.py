"""Warnings that a user sees: in the log, and as text on the node."""

import logging

from .page import say_on_node

_LOG = logging.getLogger(__name__)


def warn_on_node(warning: str, node_id: str | None) -> None:
    """Log a warning and show it on a node, until the node shows another text or runs again.

    Args:
        warning: the text.
        node_id: the id of the node, its hidden `unique_id`; None if it is not known: then the warning is only logged.
    """
    _LOG.warning("%s", warning)
    if node_id is not None:
        say_on_node(node_id, warning)
