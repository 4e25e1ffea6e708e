"""Any vision model as a judge: what it takes is read from the model where it says so, and asked for elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..models.classifier import Classifier
from ..models.frozen import freeze_copy, uncompile
from ..models.judge import Judge, to_triple
from ..models.label_sets import choose_labels
from ..models.labels import Label, Labels

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's models were trained with."""

_ANSWERS = ("logits", "last_hidden_state")
"""The parts of an answer of transformers, the first of which counts. Only a classifier has logits."""


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
    """Return a frozen copy of a model as a judge; the model itself stays as it is.

    A model of timm knows its size, mean and deviation; so do one of torchvision, trained on ImageNet, and one of
    open_clip; one of transformers knows its size. Of any other model they have to be given.

    Args:
        module: takes normalised images (V, 3, size, size). What answers with one number for each of several classes
            becomes a `Classifier`, a model of open_clip a `CLIP`; of anything else the layers can be asked for.
        size: the side of its images in pixels.
        mean: per channel, what is subtracted from images in 0..1.
        std: per channel, what the difference is divided by.
        labels: the names of the classes; ImageNet's for 1,000 of them, else numbers.
        tokenizer: of a model of open_clip, what `open_clip.get_tokenizer` returns for its architecture. Those that
            have OpenAI's vocabulary, as most do, can be asked in words without.
        name: what it is called in messages; by default its class.

    Raises:
        ValueError: when something that is not known of the model is not given, it does not take such images, or there
            are more or fewer labels than classes.

    Example:
        >>> import torchvision
        >>> from das_core.facade import wrap
        >>> judge = wrap(torchvision.models.resnet18())
        >>> judge.name, judge.size, len(judge.labels)
        ('ResNet', 224, 1000)
    """
    if isinstance(module, Judge):
        return module
    if not isinstance(module, nn.Module):
        raise ValueError(f"a {type(module).__name__} is no model; give a torch.nn.Module")
    module = uncompile(module)
    name = name or type(module).__name__
    known: dict[str, Any] = _read_settings(module)
    given = {"size": size, "mean": mean, "std": std}
    settings = known | {key: value for key, value in given.items() if value is not None}
    missing = [key for key in given if settings.get(key) is None]
    if missing:
        says = ", ".join(f"{key}={_EXAMPLES[key]}" for key in missing)
        raise ValueError(f"nothing says what images {name} was trained on: pass {says}, or what it is for your model")
    if _is_open_clip(module):
        return _copy_open_clip(name, module, tokenizer, settings, known)
    if tokenizer is not None:
        raise ValueError(f"{name} is no model of open_clip, so its tokenizer would not be used; leave it out")
    frozen = freeze_copy(name, module)
    if type(module).__module__.startswith("transformers."):
        frozen.register_forward_hook(_unpack)
    judge = Judge(name, frozen, int(settings["size"]), to_triple(settings["mean"]), to_triple(settings["std"]))
    answer = _ask(judge)
    if not isinstance(answer, Tensor) or answer.ndim != 2 or answer.shape[1] < 2:
        return judge
    return judge.convert_to(Classifier, labels=_choose_labels(labels, answer.shape[1], name))


_EXAMPLES = {"size": "224", "mean": str(_IMAGENET_MEAN), "std": str(_IMAGENET_STD)}


def _read_settings(module: nn.Module) -> dict[str, Any]:
    """Return what a model says itself of the images that it takes."""
    if isinstance(config := getattr(module, "pretrained_cfg", None), dict):  # timm
        return {"size": config["input_size"][-1], "mean": config["mean"], "std": config["std"]}
    home = type(module).__module__
    if home.startswith("torchvision.models."):
        side = getattr(module, "image_size", 299 if home.endswith(".inception") else 224)
        return {"size": side, "mean": _IMAGENET_MEAN, "std": _IMAGENET_STD}
    if _is_open_clip(module):
        visual: Any = module.visual
        known = {key: getattr(visual, f"image_{key}", None) for key in ("mean", "std")}
        return known | {"size": _to_side(visual.image_size)}
    if home.startswith("transformers."):
        config = module.config
        return {"size": _to_side(getattr(getattr(config, "vision_config", config), "image_size", None))}
    return {}


def _to_side(size: Any) -> Any:
    """Return the side of images whose size is said as one number or as two."""
    return size[0] if isinstance(size, list | tuple) else size


def _is_open_clip(module: nn.Module) -> bool:
    """Return whether a module is a whole model of open_clip, with both its towers."""
    return type(module).__module__.startswith("open_clip.") and hasattr(module, "visual")


def _copy_open_clip(
    name: str, module: nn.Module, tokenizer: Any, settings: Mapping[str, Any], known: Mapping[str, Any]
) -> Judge:
    """Return a model of open_clip as a CLIP; `known` is what it says of itself, and `settings` what counts."""
    from ..models.sources.open_clip_copy import copy_open_clip_module  # It brings open_clip, which takes seconds.

    if settings["size"] != known["size"]:
        raise ValueError(f"{name} takes images of {known['size']} x {known['size']} alone; leave out size")
    published = dict(getattr(module.visual, "preprocess_cfg", {}))
    published |= {key: to_triple(settings[key]) for key in ("mean", "std")}
    return copy_open_clip_module(name, module, published, tokenizer)


def _ask(judge: Judge) -> Any:
    """Return what a model answers to one black view."""
    weight = next(judge.module.parameters(), None)
    view = torch.zeros(1, 3, judge.size, judge.size, device=None if weight is None else weight.device)
    try:
        with torch.no_grad():
            return judge.run(view)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise ValueError(
            f"{judge.name} does not take images of {judge.size} x {judge.size} ({str(error)[:200]}); pass its own size"
        ) from error


def _choose_labels(names: Sequence[str] | None, count: int, model: str) -> Labels:
    """Return the labels of a classifier of `count` classes."""
    if names is None:
        return choose_labels(count)
    if len(names) != count:
        raise ValueError(f"{model} has {count} classes and {len(names)} labels are given; give one for each class")
    return Labels(tuple(Label((str(name),)) for name in names))


def _unpack(_model: nn.Module, _inputs: Any, answer: Any) -> Any:
    """Return the tensor in an answer of transformers: a hook, so that the parts of the model keep their names."""
    parts = (getattr(answer, part, None) for part in _ANSWERS)
    return next((part for part in parts if isinstance(part, Tensor)), answer)
