"""The layers inside a judge: their names and shapes, and judges that answer with the activations of layers."""

from .activations import ActivationJudge, Activations, make_activation_judge
from .default_layers import choose_content_layer, choose_style_layers
from .layer import Layer, UnknownLayerError, find_layer, find_layers

# fmt: off
__all__ = [
    "ActivationJudge", "Activations", "Layer", "UnknownLayerError", "choose_content_layer",
    "choose_style_layers", "find_layer", "find_layers", "make_activation_judge",
]
