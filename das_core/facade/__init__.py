"""Pictures and films in one line of code: `render`, `film` and `zoom` take a model and what to ask the model for."""

from .film import Film, film
from .render import Rendering, render
from .running import UnsavedError
from .settings import read_settings
from .wrap import wrap
from .zoom import Zooming, zoom

# fmt: off
__all__ = [
    "Film", "Rendering", "UnsavedError", "Zooming", "activations", "caricature", "channel", "channels",
    "classes", "direction", "directions", "diversity", "embedding", "film", "head", "heads", "image", "invert",
    "latent", "latents", "layer", "neuron", "of_views", "read_settings", "render", "text", "wrap", "zoom",
]
