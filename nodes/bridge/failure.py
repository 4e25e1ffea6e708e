"""Shows the error of a node as text on that node, because ComfyUI's own message there is a general one."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...das_core.common.text import elide, shorten
from .page import find_running_node, hold_on_node
from .progress import is_interrupt

_LONGEST = 180
"""How many characters a node shows: five lines. The page has the whole message in its details."""


_LONGEST_REFUSAL = 1000
"""How many characters a message has in the details of the page, and in the log."""


@contextmanager
def show_failure() -> Iterator[None]:
    """Show the error of the `with` block on the running node, until the node runs again. A cancel is not shown.

    A message that quotes thousands of characters of an input is cut in its middle.
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
