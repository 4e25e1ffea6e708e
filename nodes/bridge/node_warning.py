"""Warnings that a user sees: in the log, and as text on the node."""

import logging

from .page import say_on_node

_LOG = logging.getLogger(__name__)

_warned: set[str] = set()
"""The ids of the nodes that show a warning, so that a run without one takes it away."""


def warn_on_node(warning: str | None, node_id: str | None) -> None:
    """Log a warning and show it on a node, until the node runs again without one.

    Args:
        warning: the text; None to take away the one that the last run has left.
        node_id: the id of the node that is running, its hidden `unique_id`; None where it is not known, then the
            warning is only logged.
    """
    if warning is not None:
        _LOG.warning("%s", warning)
    if node_id is None or (warning is None and node_id not in _warned):
        return
    if warning is None:
        _warned.discard(node_id)
    else:
        _warned.add(node_id)
    # The page ignores an empty text.
    say_on_node(node_id, warning or " ")
