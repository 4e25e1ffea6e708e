"""What a model was trained on, as far as its library says: size, mean and standard deviation of images, and classes."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..common.scalars import as_number
from ..common.text import shorten
from ..models.judge import to_triple
from .processor import measure_processor

_EXAMPLES = {"size": "224", "mean": "(0.485, 0.456, 0.406)", "std": "(0.229, 0.224, 0.225)"}
_TRANSFORMERS_CLIPS = ("CLIPModel", "SiglipModel", "CLIPVisionModelWithProjection")


def complete_settings(name: str, module: nn.Module, given: Mapping[str, Any], processor: Any = None) -> dict[str, Any]:
    """Return size, mean and std of the images of a model: those given, else those of the processor or, without one,
    those that all published weights share; whether they are `grey`, as one number each for mean and std says; and what
    else `measure_processor` says."""
    measured = {} if processor is None else measure_processor(processor)
    published = {"the processor": measured} if measured else _find_published(module)
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
            "model; processor= takes all of it from an image processor of transformers or weights of torchvision"
        )
    size = settings["size"]
    if not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"size {shorten(size)} is no whole number of pixels from 1, such as {_EXAMPLES['size']}")
    singles = {key: _read_single(settings[key]) for key in ("mean", "std")}
    grey = None not in singles.values()
    triples = {key: _read_channels(key, (one,) * 3 if grey else settings[key]) for key, one in singles.items()}
    return {**measured, "size": operator.index(size), "grey": grey, **triples}


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


def find_names(name: str, module: nn.Module, processor: Any, count: int) -> Sequence[str] | None:
    """Return the names of `count` classes: those of weights of torchvision, or those that the model states; or None."""
    own = getattr(module, "pretrained_cfg", None)  # timm
    for stated, key in ((getattr(processor, "meta", None), "categories"), (own, "label_names")):
        names = stated.get(key) if isinstance(stated, Mapping) else None
        # Of other length they are those of the classes of its training, before it got another last layer.
        if isinstance(names, list | tuple) and len(names) == count:
            return names
    named = getattr(getattr(module, "config", None), "id2label", None)  # transformers
    if not isinstance(named, Mapping) or all(re.fullmatch(r"LABEL_\d+", str(one)) for one in named.values()):
        return None
    return order_names(f"the id2label of {name}", named, count)


def order_names(what: str, named: Mapping[Any, str], count: int) -> Sequence[str]:
    """Return the names of `count` classes by their indices, or raise a ValueError that begins with `what`."""
    names = {str(index): label for index, label in named.items()}
    if set(names) != set(map(str, range(count))):
        raise ValueError(
            f"{what} names classes {shorten(', '.join(names))}, and the model has classes 0 to {count - 1}; give a "
            "name for each of them as labels"
        )
    return [names[str(index)] for index in range(count)]


def lacks_classes(module: nn.Module, answer: Any) -> bool:
    """Return whether what a model answers with is an embedding: it has no last layer, or one that does nothing."""
    if isinstance(answer, Mapping) and "pooler_output" in answer and "logits" not in answer:  # transformers
        return True
    # timm names its last layer; these are the usual names.
    last = module.get_classifier() if _is_timm(module) else None  # type: ignore[operator]
    named = (getattr(module, name, None) for name in ("classifier", "fc", "head", "heads"))
    return type(module).__module__.startswith("open_clip.") or any(
        isinstance(one, nn.Identity) for one in [last, *named]
    )


def _is_timm(module: nn.Module) -> bool:
    return type(module).__module__.startswith("timm.") and hasattr(module, "get_classifier")


def is_transformers_clip(module: nn.Module) -> bool:
    """Return whether a module is a CLIP or SigLIP of transformers, or the image half of a CLIP."""
    kind = type(module)
    return kind.__module__.startswith("transformers.") and kind.__name__ in _TRANSFORMERS_CLIPS


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


def _read_single(values: Any) -> float | None:
    """Return a number, also if it is the only one in a list or tuple; None for anything else."""
    return as_number(values[0] if isinstance(values, list | tuple) and len(values) == 1 else values)


def _read_channels(key: str, values: Any) -> tuple[float, float, float]:
    """Return a setting that has a number for each colour channel; raise a ValueError when it is something else."""
    try:
        triple = to_triple(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{key} {shorten(values)} is not three numbers, one each for red, green and blue, such as {_EXAMPLES[key]}"
            "; for grey images both mean and std are one number"
        ) from error
    if not all(map(math.isfinite, triple)) or (key == "std" and min(triple) <= 0):
        raise ValueError(f"{key} {triple} must be finite{' and above 0' * (key == 'std')}, such as {_EXAMPLES[key]}")
    return triple
