"""Warnings that a user sees: in the log, and as text on the node."""

import logging

from .page import hold_on_node

_LOG = logging.getLogger(__name__)


def warn_on_node(warning: str | None, node_id: str | None) -> None:
    """Log a warning and show it on a node, until the node shows another text or runs again.

    Args:
        warning: the text; None removes the warning that the last run has left on the node.
        node_id: the id of the running node, its hidden `unique_id`. If it is None, because it is not known, the warning
            is only logged.
    """
    if warning is not None:
        _LOG.warning("%s", warning)
    if node_id is not None:
        hold_on_node(node_id, warning)
