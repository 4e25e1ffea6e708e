"""Image stacks: images at many resolutions that sum to one canvas, and the linear operator K that moves the canvas."""

from .conversion import as_film, as_zoom
from .decomposition import Decomposition, decompose, decompose_change, decompose_start, read_levels
from .edit import edit_stack, scale_changes
from .file import StackFileError, load_stack, save_stack
from .image_stack import ImageStack, move_canvas
from .levels import linear_levels, power_levels
from .linear_operator import StackOperator
from .parametrizations import make_operator
from .render import render_film, render_stack, render_zoom
from .size import widen_margin
from .spec import StackSpec
from .state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters
from .surroundings import Surroundings
from .time import Time
from .zoom import Zoom

# fmt: off
__all__ = [
    "AccumulatedGradient", "Decomposition", "ImageStack", "LevelTensors", "OptimizerState", "Parameters",
    "StackFileError", "StackOperator", "StackSpec", "Surroundings", "Time", "Zoom", "as_film", "as_zoom", "decompose",
    "decompose_change", "decompose_start", "edit_stack", "linear_levels", "load_stack", "make_operator", "move_canvas",
    "power_levels", "read_levels", "render_film", "render_stack", "render_zoom", "save_stack", "scale_changes",
    "widen_margin",
]
