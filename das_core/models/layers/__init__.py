"""The layers inside a judge: their names and shapes, and judges that answer with the activations of layers."""

from .activations import ActivationJudge, Activations, capture_layers, capture_layers_named
from .default_layers import choose_content_layer, choose_style_layers
from .layer import Layer, UnknownLayerError, find_layer, find_layers

# fmt: off
__all__ = [
    "ActivationJudge", "Activations", "Layer", "UnknownLayerError", "capture_layers", "capture_layers_named",
    "choose_content_layer", "choose_style_layers", "find_layer", "find_layers",
]
