"""What images a model was trained on, as far as its library says: their size, mean and standard deviation."""

import math
import operator
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..common.text import shorten
from ..models.judge import to_triple

_EXAMPLES = {"size": "224", "mean": "(0.485, 0.456, 0.406)", "std": "(0.229, 0.224, 0.225)"}


def complete_settings(name: str, module: nn.Module, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return size, mean and std of the images of a model: those given, else those that all published weights share."""
    published = _find_published(module)
    settings: dict[str, Any] = {}
    missing: list[str] = []
    candidates: list[str] = []
    for key, example in _EXAMPLES.items():
        known: dict[str, tuple[str, Any]] = {}
        for weights, own in published.items():
            if own.get(key) is not None:
                known.setdefault(str(own[key]), (weights, own[key]))
        if given[key] is not None:
            settings[key] = given[key]
        elif len(known) == 1:
            ((_, settings[key]),) = known.values()
        else:
            missing.append(f"{key}={example}")
            candidates += [f"{key}={value} for {weights}" for weights, value in known.values()]
    if missing:
        says = f" ({', '.join(candidates)})" if candidates else ""
        raise ValueError(
            f"nothing says what images {name} was trained on{says}: pass {', '.join(missing)}, or what it is for your "
            "model"
        )
    size = settings["size"]
    if not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"size {shorten(size)} is no whole number of pixels from 1, such as {_EXAMPLES['size']}")
    return {"size": operator.index(size)} | {key: _read_channels(key, settings[key]) for key in ("mean", "std")}


def _find_published(module: nn.Module) -> dict[str, Mapping[str, Any]]:
    """Return, by the weights of which it is known, what images a model may have been trained on, or parts of it."""
    if isinstance(config := getattr(module, "pretrained_cfg", None), dict):  # timm
        shape = config.get("input_size")
        size = _to_side(shape[-2:]) if isinstance(shape, list | tuple) else None
        return {"its pretrained_cfg": {"size": size, "mean": config.get("mean"), "std": config.get("std")}}
    home = type(module).__module__
    if home.startswith("torchvision.models."):
        from ..models.sources.torchvision_models import find_published_settings  # It imports torchvision.

        own = {"size": module.image_size} if hasattr(module, "image_size") else {}
        return {name: settings | own for name, settings in find_published_settings(module).items()}
    if is_open_clip(module):
        visual: Any = module.visual
        known = {key: getattr(visual, f"image_{key}", None) for key in ("mean", "std")}
        return {"its image tower": known | {"size": _to_side(getattr(visual, "image_size", None))}}
    if home.startswith("transformers."):
        config = module.config
        return {"its config": {"size": _to_side(getattr(getattr(config, "vision_config", config), "image_size", None))}}
    return {}


def is_open_clip(module: nn.Module) -> bool:
    """Return whether a module is a whole model of open_clip: its image encoder, in `visual`, and its text encoder."""
    return type(module).__module__.startswith("open_clip.") and hasattr(module, "visual")


def _to_side(size: Any) -> Any:
    """Return the side of square images whose size is given as one number or as two equal numbers."""
    if not isinstance(size, list | tuple):
        return size
    if len(set(size)) != 1:
        raise ValueError(
            f"the model takes images of {' x '.join(map(str, size))} pixels; only square images are possible"
        )
    return size[0]


def _read_channels(key: str, values: Any) -> tuple[float, float, float]:
    """Return a setting that has a number for each colour channel; raise a ValueError when it is something else."""
    try:
        triple = to_triple(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{key} {shorten(values)} is not three numbers, one each for red, green and blue, such as {_EXAMPLES[key]}"
        ) from error
    if not all(map(math.isfinite, triple)) or (key == "std" and min(triple) <= 0):
        raise ValueError(f"{key} {triple} must be finite{' and above 0' * (key == 'std')}, such as {_EXAMPLES[key]}")
    return triple
