"""Any judge as an embedder: by the features of one of its layers, averaged over all positions."""

from dataclasses import dataclass

from torch import Tensor

from ..classifier import Classifier
from ..embedder import Embedder
from ..judge import Judge, check_judge
from .activations import make_activation_judge
from .layer import Layer, find_layer, find_layers


@dataclass(frozen=True, kw_only=True)
class LayerEmbedder(Embedder):
    """An embedder that answers with the activations of a layer, averaged over all positions. `pool_layer` makes one."""

    layer: Layer

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The kind of answer: the features of this layer."""
        return "pooled", self.layer.name

    def __call__(self, views: Tensor) -> Tensor:
        """Return the features (V, channels) of views (V, 3, size, size), 0..1; the module stops after the layer."""
        features = make_activation_judge(self, [self.layer])(views)[self.layer.name]
        return features.reshape(*features.shape[:2], -1).mean(dim=2)


def pool_layer(model: Judge, layer: str = "") -> Embedder:
    """Return an embedder whose embeddings are the features of a layer of a judge, averaged over all positions.

    Args:
        model: a single judge.
        layer: the name of the layer; if empty, an embedder is returned as it is, and of another judge the last layer is
            taken that does not have a channel for each class.

    Raises:
        ValueError: when there is no such layer.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> from das_core.models.layers.pooled_layer import pool_layer
        >>> features = pool_layer(da.load_starter())
        >>> features.layer.name, features.encode_images(torch.rand(1, 3, 224, 224)).shape
        ('global_pool', torch.Size([1, 1280]))
    """
    if isinstance(model, Embedder) and not layer.strip():
        return model
    model = check_judge(model, Judge)
    known = find_layers(model)
    classes = len(model.labels) if isinstance(model, Classifier) else 0
    pooled = [one for one in known if one.channels != classes] or known
    found = find_layer(known, layer, model.name) if layer.strip() else pooled[-1]
    return model.convert_to(LayerEmbedder, width=found.channels, layer=found)
