"""Directions in the activations of a layer: encoders of sparse autoencoders and transcoders, probes, and vectors."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.devices import keep_copy

Normalization = Literal["none", "layer_norm", "constant_norm_rescale"]

_EPSILON = 1e-5  # Added to the standard deviation of a layer_norm, as in SAELens.


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Latents of a layer: each is a direction in the space of its channels, with a bias.

    A sparse autoencoder (Bricken et al., Towards Monosemanticity, 2023) has thousands of them; a probe or a vector in a
    file has few. `load_dictionary` reads one.

    Args:
        name: the name in messages.
        weight: (N, C), a direction for each of N latents of a layer of C channels.
        bias: (N,), added to the projections.
        center: (C,), subtracted from the activations first; None for nothing.
        normalization: what is done to the activations before that, as in SAELens: `layer_norm` (zero mean, unit
            deviation), `constant_norm_rescale` (length sqrt(C)), or none.
        threshold: (N,), below which an activation counts as 0 (JumpReLU); None for plain ReLU.
        active: how many latents, the largest, are active at a position (TopK); None for all.
        decoder: (N, C), by which the latents are written back; None for the directions themselves.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> axes = da.Dictionary("axes", torch.eye(3), torch.zeros(3))
        >>> axes.encode(torch.tensor([2.0, -1.0, 0.5])).tolist()
        [2.0, 0.0, 0.5]
    """

    name: str
    weight: Tensor = field(repr=False)
    bias: Tensor = field(repr=False)
    center: Tensor | None = field(default=None, repr=False)
    normalization: Normalization = "none"
    threshold: Tensor | None = field(default=None, repr=False)
    active: int | None = None
    decoder: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError(
                f"{self.name} has a weight {tuple(self.weight.shape)} and a bias {tuple(self.bias.shape)}, and needs "
                "(N, channels) and (N,); transpose a weight (channels, N)"
            )

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def channels(self) -> int:
        """C, how many channels the layer has."""
        return self.weight.shape[1]

    def take(self, indices: Sequence[int]) -> "Dictionary":
        """Return the dictionary of some latents alone; a ValueError names a number that is out of range."""
        for index in indices:
            if not hasattr(index, "__index__") or not 0 <= index < len(self):
                raise ValueError(f"latent {index} is not in {self.name}, which has latents 0 to {len(self) - 1}")
        rows = [operator.index(index) for index in indices]
        return replace(
            self,
            weight=self.weight[rows],
            bias=self.bias[rows],
            threshold=None if self.threshold is None else self.threshold[rows],
            decoder=None if self.decoder is None else self.decoder[rows],
        )

    def project(self, activations: Tensor) -> Tensor:
        """Return what the latents are before their activation function, (…, N), for activations (…, C)."""
        if self.normalization == "layer_norm":
            activations = activations - activations.mean(dim=-1, keepdim=True)
            activations = activations / (activations.std(dim=-1, keepdim=True) + _EPSILON)
        elif self.normalization == "constant_norm_rescale":
            activations = activations * self.channels**0.5 / activations.norm(dim=-1, keepdim=True)
        if self.center is not None:
            activations = activations - keep_copy(self.center, activations)
        return activations @ keep_copy(self.weight, activations).T + keep_copy(self.bias, activations)

    def encode(self, activations: Tensor) -> Tensor:
        """Return how active the latents are, (…, N), at least 0, for activations (…, C)."""
        values = self.project(activations)
        found = values.relu()
        if self.threshold is not None:
            found = found * (values > keep_copy(self.threshold, values))
        if self.active is not None and self.active < len(self):
            kept = found.topk(self.active, dim=-1)
            found = torch.zeros_like(found).scatter(-1, kept.indices, kept.values)
        return found

    def find_neighbours(self, index: int, count: int = 3) -> tuple[int, ...]:
        """Return a latent and those `count` whose decoders have the largest cosine with its own, nearest first."""
        self.take([index])  # Raises the error for a number out of range.
        rows = F.normalize(self.weight if self.decoder is None else self.decoder, dim=1)
        likeness = rows @ rows[index]
        likeness[index] = 2.0  # The latent itself comes first, even beside a copy of it.
        return tuple(likeness.topk(min(count + 1, len(self))).indices.tolist())
