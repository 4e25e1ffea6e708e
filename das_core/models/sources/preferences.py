"""Preference heads, which predict from the embedding of a picture how much people like it: the aesthetic predictors of
LAION (Schuhmann et al., 2022), v1 and v2."""

import re
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from ...common.devices import keep_copy
from ...common.text import shorten
from ..clip import CLIP
from .weights import check_plain, read_weights

_OUTPUTS = [1024, 128, 64, 16, 1]  # Of the layers of v2.
_RECTIFIED: dict[tuple[int, ...], bool] = {(0, 2, 4, 6, 7): False, (0, 3, 6, 9, 11): True}
"""For the numbers of the layers of v2 in a file, whether there are ReLUs between them."""


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


def load_preference(path: str | PathLike[str], clip: str = "") -> PreferenceHead:
    """Load a preference head from a file: a linear layer (v1), or the five layers of v2 with or without ReLU.

    Args:
        path: a .safetensors file, or one that torch has saved (.pt, .pth, .bin, .ckpt).
        clip: the name of the CLIP that it was trained on, if it is known.

    Raises:
        ValueError: when the file is missing, damaged, has code, or holds no such head.

    Example:
        >>> load_preference("sac+logos+ava1-l14-linearMSE.pth").width  # doctest: +SKIP
        768
    """
    path = Path(path)
    state = {name: value for name, value in read_weights(path).items() if value.is_floating_point()}
    check_plain(state, path.name)
    names = sorted((name for name in state if re.fullmatch(r"(.*\.)?weight", name)), key=_list_numbers)
    layers: list[tuple[Tensor, Tensor]] = []
    for name in names:
        weight, bias = state[name], state.get(f"{name.removesuffix('weight')}bias")
        fits = weight.ndim == 2 and weight.numel() and (not layers or weight.shape[1] == len(layers[-1][1]))
        if bias is None or not fits or bias.shape != weight.shape[:1]:
            fault = f"its {shorten(name)} is {tuple(weight.shape)}"
            break
        layers.append((weight.float(), bias.float()))
    else:
        sizes, numbers = [len(bias) for _, bias in layers], tuple((_list_numbers(name) or [0])[-1] for name in names)
        if sizes == [1] or (sizes == _OUTPUTS and numbers in _RECTIFIED):
            if not all(bool(part.isfinite().all()) for layer in layers for part in layer):
                raise ValueError(f"'{path.name}' holds values that are no numbers; get it again")
            return PreferenceHead(path.stem, tuple(layers), _RECTIFIED.get(numbers, False), clip)
        fault = f"it has layers of {shorten(sizes)} outputs"
    raise ValueError(
        f"'{path.name}' holds no preference head that is known ({fault}): one linear layer, or the five of LAION's "
        "aesthetic predictor v2; of another head, write an objective with a Term"
    )


def _list_numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{1,9}", name)]
