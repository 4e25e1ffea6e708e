"""Pictures in a line: `render` takes a model and what is asked of it, and returns the picture."""

from .render import Rendering, render
from .wishes import (
    Wish,
    channel,
    channels,
    classes,
    direction,
    diversity,
    layer,
    neuron,
    of_picture,
    of_views,
    text,
)
from .wrap import wrap

# fmt: off
__all__ = [
    "Rendering", "Wish", "channel", "channels", "classes", "direction", "diversity", "layer",
    "neuron", "of_picture", "of_views", "render", "text", "wrap",
]
