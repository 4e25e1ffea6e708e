"""Image stacks: images at many resolutions that sum to one canvas, and the linear operator K that moves the canvas."""

from .conversion import as_film, as_zoom
from .decomposition import decompose
from .edit import edit_stack, scale_changes
from .file import load_stack, save_stack
from .image_stack import ImageStack
from .linear_operator import Parametrization
from .render import render_film, render_stack, render_zoom
from .spec import StackSpec
from .time import Time
from .vector import draw_svg
from .zoom import Zoom

# fmt: off
__all__ = [
    "ImageStack", "Parametrization", "StackSpec", "Time", "Zoom", "as_film", "as_zoom", "decompose", "draw_svg",
    "edit_stack", "load_stack", "render_film", "render_stack", "render_zoom", "save_stack", "scale_changes",
]
