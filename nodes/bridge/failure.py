"""Shows the error of a node as text on that node, where ComfyUI itself shows only a general message."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ...das_core.common.text import elide
from .page import find_running_node, say_on_node
from .progress import is_interrupt

_LONGEST = 180
"""The most characters of a message that are shown on a node: five lines. The page's error details show more."""

_LONGEST_REFUSAL = 1000
"""The most characters of the message of a ValueError (not of a subclass), in the page's error details and the log."""


@contextmanager
def show_failure() -> Iterator[None]:
    """Show the message of an error of the `with` block on the running node, and let the error pass on."""
    # Long messages are cut in the middle, because advice stands at their end.
    running = find_running_node()
    try:
        yield
    except Exception as error:
        if type(error) is ValueError and len(str(error)) > _LONGEST_REFUSAL:
            error.args = (elide(str(error), _LONGEST_REFUSAL),)
        if running and not is_interrupt(error):
            say_on_node(running.node_id, _shorten(str(error)) or type(error).__name__)
        raise


def _shorten(message: str) -> str:
    """Return a message as one short line, in which only the name of the server is left of an address."""
    return elide(" ".join(re.sub(r"https?://([^\s/]+)\S*", r"\1", message).split()), _LONGEST)
