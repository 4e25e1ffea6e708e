"""Heads that predict from the embedding of a picture how much people like it."""

from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional as F

from ..common.devices import keep_copy
from .clip import CLIP


@dataclass(frozen=True, eq=False)
class PreferenceHead:
    """A small network from the embedding of a CLIP, scaled to length 1, to a rating; `load_preference` reads one.

    Args:
        name: the name in messages.
        layers: the weight (N, M) and bias (N,) of each linear layer; the last has one output.
        rectified: whether ReLU follows each layer but the last.
        clip: the name of the CLIP that it was trained on, if it is known.
    """

    name: str
    layers: tuple[tuple[Tensor, Tensor], ...] = field(repr=False)
    rectified: bool = False
    clip: str = ""

    @property
    def width(self) -> int:
        """How many numbers an embedding has that it rates."""
        return self.layers[0][0].shape[1]

    def __call__(self, output: Tensor, images: Tensor) -> Tensor:
        """Return the rating of every view, (V,), from embeddings (V, D), which need not have length 1."""
        values = F.normalize(output, dim=1)
        for number, (weight, bias) in enumerate(self.layers):
            values = F.linear(values.relu() if number and self.rectified else values, keep_copy(weight, output))
            values = values + keep_copy(bias, output)
        return values[:, 0]

    def describe_other(self, clip: CLIP) -> str | None:
        """Return a warning when the head was trained on another CLIP, as far as names tell; None if it was not."""
        others = [member.name for member in clip.members if self.clip and member.name != self.clip]
        if not others:
            return None
        return f"{self.name} was trained on {self.clip}; if {others[0]} is another model, its ratings mean nothing"
