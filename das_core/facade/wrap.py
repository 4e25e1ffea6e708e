"""`wrap`: turns any vision model into a judge. Image size and normalisation are read from the model if it has them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..common.text import shorten
from ..models.classifier import Classifier
from ..models.frozen import freeze_copy, uncompile
from ..models.judge import Judge, to_triple
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

    Size, mean and standard deviation are known for models of the libraries timm, torchvision (trained on ImageNet) and
    open_clip. For most models of the library transformers the size is known. Other settings have to be given.

    Args:
        module: a model that takes normalised images (V, 3, size, size). A model of open_clip becomes a `CLIP`. A model
            that returns (V, N), with N of at least 2, becomes a `Classifier` of N classes. Any other model becomes a
            `Judge`, whose layers can be used. If `module` is a `Judge` already, it is returned unchanged, and no other
            argument may be given.
        size: the side, in pixels, of the images that the model takes.
        mean: per channel, the mean that is subtracted from images in 0..1.
        std: per channel, the standard deviation that images are then divided by.
        labels: the names of the classes; by default those of ImageNet for 1,000 classes, else 'class 0', 'class 1' and
            so on.
        tokenizer: for a model of open_clip, the tokenizer that `open_clip.get_tokenizer` returns for its architecture.
            Models with OpenAI's vocabulary, which most models have, do not need it.
        name: the name of the model in messages; by default the name of its class.

    Raises:
        ValueError: when `module` is no module, cannot be copied or has no weights yet (device meta); a setting is
            neither known nor given; the model takes images that are not square; `mean` or `std` does not have three
            numbers; the model does not take images of this size; `tokenizer` is given although the model is not of
            open_clip, or it is no tokenizer of open_clip; the number of labels is not the number of classes; or a
            setting is given that would not be used.

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
    settings |= {key: _read_channels(key, settings[key]) for key in ("mean", "std")}
    if _is_open_clip(module):
        _check_unnamed(labels, name)
        return _copy_open_clip(name, module, tokenizer, settings, known)
    if tokenizer is not None:
        raise ValueError(f"{name} is no model of open_clip, so its tokenizer would not be used; leave it out")
    if any(weight.device.type == "meta" for weight in module.parameters()):
        raise ValueError(f"{name} has no weights yet: some of them are on the device meta; load them, then wrap it")
    frozen = freeze_copy(name, module)
    if type(module).__module__.startswith("transformers."):
        frozen.register_forward_hook(_unpack)
    judge = Judge(name, frozen, int(settings["size"]), settings["mean"], settings["std"])
    answer = _ask(judge)
    if not isinstance(answer, Tensor) or answer.ndim != 2 or answer.shape[1] < 2:
        _check_unnamed(labels, name)
        return judge
    return judge.convert_to(Classifier, labels=_choose_labels(labels, answer.shape[1], name))


_EXAMPLES = {"size": "224", "mean": str(_IMAGENET_MEAN), "std": str(_IMAGENET_STD)}


def _read_settings(module: nn.Module) -> dict[str, Any]:
    """Return the image settings that can be read from a model: all, some or none of size, mean, standard deviation."""
    if isinstance(config := getattr(module, "pretrained_cfg", None), dict):  # timm
        return {"size": _to_side(config["input_size"][-2:]), "mean": config["mean"], "std": config["std"]}
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


def _read_channels(key: str, values: Any) -> tuple[float, float, float]:
    """Return a setting that has a number for each colour channel; raise a ValueError when it is something else."""
    try:
        return to_triple(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{key} {shorten(values)} is not three numbers, one each for red, green and blue, such as {_EXAMPLES[key]}"
        ) from error


def _to_side(size: Any) -> Any:
    """Return the side of square images whose size is given as one number or as two equal numbers.

    Two different numbers raise a ValueError, because views are square.
    """
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
    """Return a frozen copy of a model of open_clip as a CLIP.

    Args:
        name: the name of the model in messages.
        module: the model.
        tokenizer: the tokenizer that `open_clip.get_tokenizer` returns for its architecture; None for that of OpenAI.
        settings: the size, mean and standard deviation that the CLIP shall use.
        known: the size, mean and standard deviation that are read from the model.

    Raises:
        ValueError: when the two sizes differ, because the model takes images of one size only; or when
            `copy_open_clip_module` cannot make a CLIP.
    """
    from ..models.sources.open_clip_copy import copy_open_clip_module  # It imports open_clip, which takes seconds.

    if settings["size"] != known["size"]:
        raise ValueError(f"{name} takes images of {known['size']} x {known['size']} alone; leave out size")
    published = dict(getattr(module.visual, "preprocess_cfg", {}))
    published |= {key: settings[key] for key in ("mean", "std")}
    return copy_open_clip_module(name, module, published, tokenizer)


def _ask(judge: Judge) -> Any:
    """Return the raw output of a judge for a black view; raise a ValueError when its module cannot run on this view."""
    weight = next(judge.module.parameters(), None)
    device = None if weight is None else weight.device
    view = torch.zeros(1, 3, judge.size, judge.size, dtype=torch.float32, device=device)
    try:
        with torch.no_grad():
            return judge.run(view)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise ValueError(
            f"{judge.name} does not take images of {judge.size} x {judge.size} ({str(error)[:200]}); pass its own size"
        ) from error


def _check_unnamed(labels: Sequence[str] | None, model: str) -> None:
    """Raise a ValueError when labels are given for a model without classes."""
    if labels is not None:
        raise ValueError(f"{model} has no classes that labels could name; leave out labels")


def _choose_labels(names: Sequence[str] | None, count: int, model: str) -> Labels:
    """Return the labels of a classifier of `count` classes: `names`, or default labels if `names` is None.

    Default labels are those of ImageNet for 1,000 classes, else 'class 0', 'class 1' and so on. A ValueError that names
    the model is raised when there is not one name for each class.
    """
    if names is None:
        return choose_labels(count)
    if len(names) != count:
        raise ValueError(f"{model} has {count} classes and {len(names)} labels are given; give one for each class")
    return Labels(tuple(Label((str(name),)) for name in names))


def _unpack(_model: nn.Module, _inputs: Any, answer: Any) -> Any:
    """Return the tensor in the output of a model of the library transformers.

    The tensor is in the field `logits` or, if that holds no tensor, in the field `last_hidden_state`. If neither does,
    the output is returned unchanged.

    PyTorch calls this function after every run of the model (a forward hook). A module around the model could do the
    same, but then the layers would have other names.
    """
    parts = (getattr(answer, part, None) for part in _ANSWERS)
    return next((part for part in parts if isinstance(part, Tensor)), answer)
