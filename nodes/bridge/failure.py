"""Shows the error of a node as text on that node, where ComfyUI itself shows only a general message."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...das_core.common.text import elide, shorten
from .page import find_running_node, hold_on_node
from .progress import is_interrupt

_LONGEST = 180
"""The most characters of a message that are shown on a node: five lines. The page's error details show more."""


_LONGEST_REFUSAL = 1000
"""The most characters of the message of a ValueError (not of a subclass), in the page's error details and the log."""


@contextmanager
def show_failure() -> Iterator[None]:
    """Show the message of an error of the `with` block on the running node, and let the error pass on.

    The message stays on the node until the node runs again. If the error only says that the user has cancelled the run,
    it is not shown. If a ValueError has a message of more than 1,000 characters, because it quotes a long input, the
    middle of the message of the error is cut out. Errors of subclasses, such as `AscentError`, keep their message.
    """
    running = find_running_node()
    if running:
        hold_on_node(running.node_id, None)
    try:
        yield
    except Exception as error:
        if type(error) is ValueError and len(str(error)) > _LONGEST_REFUSAL:
            error.args = (elide(str(error), _LONGEST_REFUSAL),)
        if running and not is_interrupt(error):
            hold_on_node(running.node_id, shorten(str(error) or type(error).__name__, _LONGEST))
        raise
