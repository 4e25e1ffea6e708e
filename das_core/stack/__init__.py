"""Image stacks: images at many resolutions that sum to one canvas, and the linear operator K that moves the canvas."""

from .changes import scale_changes
from .decomposition import Decomposition, decompose, decompose_change, decompose_start
from .edit import edit_stack
from .file import StackFileError, load_stack, save_stack
from .image_stack import ImageStack
from .least_norm import read_levels
from .levels import linear_levels, power_levels
from .linear_operator import StackOperator
from .margin import widen_margin
from .move import move_canvas
from .nest import as_zoom
from .operator_forms import make_operator
from .render import render_stack
from .render_film import render_film
from .render_zoom import render_zoom
from .retime import as_film
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
