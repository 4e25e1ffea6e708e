"""Preference heads in files: the aesthetic predictors of LAION (Schuhmann et al., 2022), v1 and v2."""

import re
from os import PathLike
from pathlib import Path

from torch import Tensor

from ...common.text import shorten
from ..preference_head import PreferenceHead
from .weights import check_plain, read_weights

_OUTPUTS = [1024, 128, 64, 16, 1]  # Of the layers of v2.
_RECTIFIED: dict[tuple[int, ...], bool] = {(0, 2, 4, 6, 7): False, (0, 3, 6, 9, 11): True}
"""For the numbers of the layers of v2 in a file, whether there are ReLUs between them."""


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
    numbers: list[int] = []
    layers: list[tuple[Tensor, Tensor]] = []
    names = [name for name in state if re.fullmatch(r"(.*\.)?weight", name)]
    for name in sorted(names, key=_list_numbers):
        weight, bias = state[name], state.get(f"{name.removesuffix('weight')}bias")
        fits = weight.ndim == 2 and weight.numel() and (not layers or weight.shape[1] == len(layers[-1][1]))
        if bias is None or not fits or bias.shape != weight.shape[:1]:
            raise ValueError(_refuse(path, f"its {shorten(name)} is {tuple(weight.shape)}"))
        layers.append((weight.float(), bias.float()))
        if not all(bool(part.isfinite().all()) for part in layers[-1]):
            raise ValueError(f"'{path.name}' holds values that are no numbers; get it again")
        numbers.append((_list_numbers(name) or [0])[-1])
    sizes = [len(bias) for _, bias in layers]
    if sizes != [1] and (sizes != _OUTPUTS or tuple(numbers) not in _RECTIFIED):
        raise ValueError(_refuse(path, f"it has layers of {shorten(sizes)} outputs"))
    return PreferenceHead(path.stem, tuple(layers), _RECTIFIED.get(tuple(numbers), False), clip)


def _list_numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{1,9}", name)]


def _refuse(path: Path, reason: str) -> str:
    return (
        f"'{path.name}' holds no preference head that is known ({reason}): one linear layer, or the five of "
        "LAION's aesthetic predictor v2; of another head, write an objective with a Term"
    )
