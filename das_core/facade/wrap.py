"""`wrap`: turns any vision model into a judge. Image size and normalisation are read from the model if it has them."""

import math
import operator
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn

from ..common.text import shorten
from ..models.classifier import Classifier
from ..models.frozen import check_copyable, freeze_copy, uncompile
from ..models.judge import MOST_CLASSES, Judge, to_triple
from ..models.label_sets import choose_labels
from ..models.labels import Label, Labels

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Per channel, the mean and the standard deviation with which torchvision normalises the images for its models."""

_ANSWERS = ("logits", "last_hidden_state")
"""Fields of the output of a model of the library transformers; the first of them that holds a tensor is used. A
classifier has the field `logits`; a model without a head has only `last_hidden_state`."""


def wrap(
    module: nn.Module | Judge,
    *,
    size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    labels: Sequence[str] | None = None,
    tokenizer: Any = None,
    name: str = "",
) -> Judge:
    """Return a judge made from a frozen copy of a model; the model itself is not changed.

    Size, mean and standard deviation are read from models of timm and open_clip, and for torchvision from the published
    weights of the architecture; for most models of transformers the size is known. The rest has to be given.

    Args:
        module: a model that takes normalised images (V, 3, size, size). One of open_clip becomes a `CLIP`, one that
            returns (V, N), with N of at least 2, a `Classifier`, and any other a `Judge`, whose layers can be used.
        size: the side, in pixels, of the images that the model takes.
        mean: per channel, the mean that is subtracted from images in 0..1.
        std: per channel, the standard deviation that images are then divided by.
        labels: the names of the classes; by default those of ImageNet for 1,000 classes, else 'class 0', 'class 1', …
        tokenizer: that of `open_clip.get_tokenizer`, for a model of open_clip without OpenAI's vocabulary.
        name: the name of the model in messages; by default the name of its class.

    Raises:
        ValueError: when the model cannot be copied or fails on such images, a setting is missing, out of range or not
            used, or the labels are not as many as the classes.

    Example:
        >>> import torchvision
        >>> from das_core.facade import wrap
        >>> judge = wrap(torchvision.models.resnet18())
        >>> judge.name, judge.size, len(judge.labels)
        ('ResNet', 224, 1000)
    """
    if isinstance(module, Judge):
        given = {"size": size, "mean": mean, "std": std, "labels": labels, "tokenizer": tokenizer, "name": name or None}
        if unused := [key for key, value in given.items() if value is not None]:
            raise ValueError(f"{module.name} is a judge and keeps its settings; leave out {', '.join(unused)}")
        return module
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"{_describe(module)} is no model; give a torch.nn.Module. A checkpoint on disk is loaded by "
            "load_classifier_file or load_clip_file, or into a module by load_state_dict"
        )
    module = uncompile(module)
    name = name or type(module).__name__
    check_copyable(name, module)
    published = _find_published(module)
    known = {key: found[0] for key in _EXAMPLES if len(found := _list_values(published, key)) == 1}
    given = {"size": size, "mean": mean, "std": std}
    settings: dict[str, Any] = known | {key: value for key, value in given.items() if value is not None}
    if missing := [key for key in _EXAMPLES if key not in settings]:
        says = ", ".join(f"{key}={_EXAMPLES[key]}" for key in missing)
        candidates = _list_candidates(published, missing)
        raise ValueError(
            f"nothing says what images {name} was trained on{candidates}: pass {says}, or what it is for your model"
        )
    settings = {"size": _read_size(settings["size"])} | {
        key: _read_channels(key, settings[key]) for key in ("mean", "std")
    }
    if _is_open_clip(module):
        _check_unnamed(labels, name)
        return _copy_open_clip(name, module, tokenizer, settings, known)
    if tokenizer is not None:
        raise ValueError(f"{name} is no model of open_clip, so its tokenizer would not be used; leave it out")
    frozen = freeze_copy(name, module)
    if type(module).__module__.startswith("transformers."):
        frozen.register_forward_hook(_unpack)
    judge = Judge(name, frozen, settings["size"], settings["mean"], settings["std"])
    answer = judge.probe(torch.zeros(1, 3, judge.size, judge.size, dtype=torch.float32))
    if not isinstance(answer, Tensor) or answer.ndim != 2 or answer.shape[1] < 2:
        _check_unnamed(labels, name)
        return judge
    return judge.convert_to(Classifier, labels=_choose_labels(labels, answer.shape[1], name))


_EXAMPLES = {"size": "224", "mean": str(_IMAGENET_MEAN), "std": str(_IMAGENET_STD)}


def _find_published(module: nn.Module) -> dict[str, Mapping[str, Any]]:
    """Return what images a model may have been trained on: size, mean and standard deviation, or some of them."""
    if isinstance(config := getattr(module, "pretrained_cfg", None), dict):  # timm
        shape = config.get("input_size")
        size = _to_side(shape[-2:]) if isinstance(shape, list | tuple) else None
        return {"its pretrained_cfg": {"size": size, "mean": config.get("mean"), "std": config.get("std")}}
    home = type(module).__module__
    if home.startswith("torchvision.models."):
        from ..models.sources.torchvision_models import find_published_settings  # It imports torchvision.

        own = {"size": module.image_size} if hasattr(module, "image_size") else {}
        return {name: settings | own for name, settings in find_published_settings(module).items()}
    if _is_open_clip(module):
        visual: Any = module.visual
        known = {key: getattr(visual, f"image_{key}", None) for key in ("mean", "std")}
        return {"its image tower": known | {"size": _to_side(getattr(visual, "image_size", None))}}
    if home.startswith("transformers."):
        config = module.config
        return {"its config": {"size": _to_side(getattr(getattr(config, "vision_config", config), "image_size", None))}}
    return {}


def _list_values(published: Mapping[str, Mapping[str, Any]], key: str) -> list[Any]:
    """Return the values that a setting has in published weights, each once."""
    values = [settings[key] for settings in published.values() if settings.get(key) is not None]
    return [value for number, value in enumerate(values) if value not in values[:number]]


def _list_candidates(published: Mapping[str, Mapping[str, Any]], missing: Sequence[str]) -> str:
    """Return a text with the weights that differ in the missing settings; empty if there are none."""
    listed = []
    for key in missing:
        for value in _list_values(published, key):
            first = next(name for name, settings in published.items() if settings[key] == value)
            listed.append(f"{key}={value} for {first}")
    return f" ({', '.join(listed)})" if listed else ""


def _describe(value: Any) -> str:
    """Return what somebody has given in place of a model, for a message."""
    return f"'{shorten(str(value))}'" if isinstance(value, str | PurePath) else f"a {type(value).__name__}"


def _read_size(size: Any) -> int:
    """Return the side of views as a whole number of pixels; raise a ValueError when it is something else."""
    if not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"size {shorten(size)} is no whole number of pixels from 1, such as {_EXAMPLES['size']}")
    return operator.index(size)


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


def _to_side(size: Any) -> Any:
    """Return the side of square images whose size is given as one number or as two equal numbers."""
    if not isinstance(size, list | tuple):
        return size
    if len(set(size)) != 1:
        raise ValueError(
            f"the model takes images of {' x '.join(map(str, size))} pixels; only square images are possible"
        )
    return size[0]


def _is_open_clip(module: nn.Module) -> bool:
    """Return whether a module is a whole model of open_clip: its image encoder, in `visual`, and its text encoder."""
    return type(module).__module__.startswith("open_clip.") and hasattr(module, "visual")


def _copy_open_clip(
    name: str, module: nn.Module, tokenizer: Any, settings: Mapping[str, Any], known: Mapping[str, Any]
) -> Judge:
    """Return a frozen copy of a model of open_clip as a CLIP."""
    from ..models.sources.open_clip_models import copy_open_clip_module  # It imports open_clip, which takes seconds.

    if settings["size"] != known.get("size", settings["size"]):
        raise ValueError(f"{name} takes images of {known['size']} x {known['size']} alone; leave out size")
    published = dict(getattr(module.visual, "preprocess_cfg", {}))
    published |= {key: settings[key] for key in ("mean", "std")}
    return copy_open_clip_module(name, module, published, tokenizer)


def _check_unnamed(labels: Sequence[str] | None, model: str) -> None:
    """Raise a ValueError when labels are given for a model without classes."""
    if labels is not None:
        raise ValueError(f"{model} has no classes that labels could name; leave out labels")


def _choose_labels(names: Sequence[str] | None, count: int, model: str) -> Labels:
    """Return the labels of a classifier of `count` classes: `names`, or default labels if `names` is None."""
    if names is None and count <= MOST_CLASSES:
        return choose_labels(count)
    if names is None:
        raise ValueError(
            f"{model} answers with {count} numbers for a view; without labels, up to {MOST_CLASSES} are taken for "
            "classes: give labels, or wrap a part of the model that ends before"
        )
    if isinstance(names, str):
        raise ValueError(f"labels '{shorten(names)}' is one text; give a list with a name for each of {count} classes")
    if len(names) != count:
        raise ValueError(f"{model} has {count} classes and {len(names)} labels are given; give one for each class")
    return Labels(tuple(Label((str(name),)) for name in names))


def _unpack(_model: nn.Module, _inputs: Any, answer: Any) -> Any:
    """Return the tensor in the output of a model of the library transformers."""
    parts = (getattr(answer, part, None) for part in _ANSWERS)
    return next((part for part in parts if isinstance(part, Tensor)), answer)
