"""Pictures and films in one line of code: `render`, `film` and `zoom` take a model and what to ask the model for."""

from .film import Film, film
from .function_scores import of_picture, of_views
from .render import Rendering, render
from .unsaved import UnsavedError
from .wish import Wish
from .wishes import channel, channels, classes, direction, diversity, head, layer, neuron, text
from .wrap import wrap
from .zoom import Zooming, zoom

# fmt: off
__all__ = [
    "Film", "Rendering", "UnsavedError", "Wish", "Zooming", "channel", "channels", "classes", "direction", "diversity",
    "film", "head", "layer", "neuron", "of_picture", "of_views", "render", "text", "wrap", "zoom",
]
