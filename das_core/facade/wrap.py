"""`wrap`: turns any vision model into a judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

import torch
from torch import Tensor, nn

from ..common.devices import find_device
from ..common.images import show_luminance
from ..common.modes import own_modes
from ..common.text import shorten
from ..models.classifier import Classifier
from ..models.embedder import Embedder
from ..models.frozen import check_copyable, freeze_copy, uncompile
from ..models.judge import MOST_CLASSES, Judge
from ..models.labels import Label, Labels, choose_labels, read_labels
from ..models.photograph_check import check_later
from .published import complete_settings, find_names, is_open_clip, is_transformers_clip, lacks_classes, order_names

# Of the modules that `find_judge` was given last: what they were like, and the judge made from them, or moved.
_wrapped: WeakKeyDictionary[nn.Module, tuple[str, Judge]] = WeakKeyDictionary()
_MOST_WRAPPED = 8
_wrapping = Lock()
_ADVICE = (
    "give the size that it takes, mean and std of one number if it takes grey images, convert= (see wrap) if it takes "
    "other channels, or correct its forward pass"
)


@own_modes()
def wrap(
    module: nn.Module | Judge,
    *,
    processor: Any = None,
    size: int | None = None,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    labels: Sequence[str] | Mapping[int, str] | None = None,
    tokenizer: Any = None,
    convert: Callable[[Tensor], Tensor] | None = None,
    name: str = "",
) -> Judge:
    """Return a judge made from a frozen copy of a model; the model itself is not changed.

    Size, mean and standard deviation are read from models of timm and open_clip, and for torchvision from the published
    weights of the architecture; for most models of transformers the size is known. The rest has to be given, or a
    processor: what it makes of a few pictures says all of it.

    Args:
        module: a model that takes normalised images (V, 3, size, size). One of open_clip, and a CLIPModel, SiglipModel
            or CLIPVisionModelWithProjection of transformers, becomes a `CLIP`; one that returns (V, N), with N of at
            least 2, a `Classifier`, also if a tuple begins with the only such tensor, or a dictionary has it as
            'logits' or as its only one; without a last layer for classes, as DINOv3, an `Embedder`; and any other a
            `Judge`, whose layers can be used.
        processor: an image processor of transformers, or a processor with one and a tokenizer; weights of torchvision;
            or a function of an image of Pillow that returns a tensor. Size, mean and std that are given go before it.
        size: the side, in pixels, of the images that the model takes, from 1.
        mean: per channel, the mean that is subtracted from images in 0..1. If mean and std are one number each, the
            model is shown grey images (V, 1, size, size), the luminance.
        std: per channel, the standard deviation, above 0, that images are then divided by.
        labels: the names of the classes, in order or by index; by default those that the model or weights as the
            processor state, else those of ImageNet for 1,000 classes, or 'class 0', 'class 1', …; an empty list for a
            model whose N numbers are no classes, but an embedding.
        tokenizer: that of `open_clip.get_tokenizer`, for a model of open_clip without OpenAI's vocabulary; or that of a
            CLIP of transformers, if the processor has none.
        convert: for a model that takes other than RGB images, such as of 4 or 7 channels: a differentiable function
            from views (V, 3, size, size), 0..1, on the device and of the type of the model, to what it takes. Only a
            mean and std that are given here or by a processor come before it.
        name: the name of the model in messages; by default the name of its class.

    Raises:
        ValueError: when nothing says what images the model takes, it cannot run on them, a processor does more to them
            than resize, crop and normalise, or something given does not fit the model.

    Example:
        >>> import torchvision
        >>> from das_core.facade import wrap
        >>> judge = wrap(torchvision.models.resnet18())
        >>> judge.name, judge.size, len(judge.labels)
        ('ResNet', 224, 1000)
    """
    if isinstance(module, Judge):
        given = {"processor": processor, "size": size, "mean": mean, "std": std, "labels": labels}
        given |= {"tokenizer": tokenizer, "convert": convert, "name": name or None}
        if unused := [key for key, value in given.items() if value is not None]:
            raise ValueError(f"{module.name} is a judge and keeps its settings; leave out {', '.join(unused)}")
        return module
    if not isinstance(module, nn.Module):
        raise ValueError(
            (f"'{shorten(str(module))}'" if isinstance(module, str | PurePath) else f"a {type(module).__name__}")
            + " is no model; give a torch.nn.Module. A checkpoint on disk is loaded by load, "
            "or into a module by load_state_dict"
        )
    module = uncompile(module)
    name = name or type(module).__name__
    check_copyable(name, module)
    if convert is not None and not callable(convert):
        raise ValueError(f"convert is a {type(convert).__name__} and no function from views to what the model takes")
    if convert is not None and processor is None:
        mean, std = (0.0,) * 3 if mean is None else mean, (1.0,) * 3 if std is None else std
    settings = complete_settings(name, module, {"size": size, "mean": mean, "std": std}, processor)
    if is_open_clip(module) or is_transformers_clip(module):
        if tokenizer is None and is_transformers_clip(module):
            tokenizer = getattr(processor, "tokenizer", None)
        if convert is not None:
            raise ValueError(f"{name} is a CLIP and takes RGB images; leave out convert, or wrap its image tower alone")
        judge = _copy_clip(name, module, tokenizer, settings)
    else:
        if tokenizer is not None:
            raise ValueError(f"{name} is no CLIP that is known here, so its tokenizer would not be used; leave it out")
        frozen = freeze_copy(name, module)
        if convert is not None or settings["grey"]:
            frozen.register_forward_pre_hook(partial(_convert, convert or show_luminance))
        judge = Judge(name, frozen, *(settings[key] for key in ("size", "mean", "std")))
        views = torch.zeros(1, 3, judge.size, judge.size, dtype=torch.float32, device="cpu")
        answer = judge.probe(views, _ADVICE)
        embeds = lacks_classes(module, answer) if labels is None else not len(labels)
        if not isinstance(answer, Tensor):
            frozen.register_forward_hook(_take_part)
            answer = _take_part(frozen, (views,), answer)
        if isinstance(answer, Tensor) and answer.ndim == 2 and answer.shape[1] > 1:
            if embeds:
                more = {"fit": settings.get("resize_mode"), "interpolation": settings.get("interpolation")}
                more = {key: value for key, value in more.items() if value}
                return judge.convert_to(Embedder, width=answer.shape[1], **more)
            names = find_names(name, module, processor, answer.shape[1]) if labels is None else None
            known = _choose_labels(labels, answer.shape[1], name) if names is None else read_labels(names)
            return check_later(judge.convert_to(Classifier, labels=known))
    if labels:
        raise ValueError(f"{name} has no classes that labels could name; leave out labels")
    return judge


def _copy_clip(name: str, module: nn.Module, tokenizer: Any, settings: Mapping[str, Any]) -> Judge:
    """Return a frozen copy of a model of open_clip, or of a CLIP of transformers, as a CLIP."""
    # It imports open_clip, which takes seconds.
    from ..models.sources.open_clip_towers import copy_open_clip_module, copy_transformers_module

    shown = getattr(getattr(module, "visual", None), "preprocess_cfg", {})
    copy = copy_open_clip_module if is_open_clip(module) else copy_transformers_module
    judge = copy(name, module, {**shown, **settings}, tokenizer)
    if judge.size != settings["size"]:
        raise ValueError(f"{name} takes images of {judge.size} x {judge.size} alone; leave out size")
    return judge


def _convert(convert: Callable[[Tensor], Tensor], _model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (convert(inputs[0]),)


def _take_part(_model: nn.Module, inputs: tuple[Any, ...], answer: Any) -> Any:
    """Return the tensor in the answer of a model that is meant, see `wrap`; else the answer itself. A model of
    transformers without a head has no logits."""
    parts = list(answer.values() if isinstance(answer, Mapping) else answer if isinstance(answer, list | tuple) else ())
    rows = [part for part in parts if isinstance(part, Tensor) and part.ndim == 2 and len(part) == len(inputs[0])]
    if isinstance(answer, Mapping):
        named = (answer.get(key) for key in ("logits", "pooler_output", "last_hidden_state"))
        found = next((part for part in named if isinstance(part, Tensor)), rows[0] if len(rows) == 1 else answer)
        # Pooled features of convolutional networks are (V, C, 1, 1).
        return found.flatten(1) if isinstance(found, Tensor) and found.shape[2:] == (1, 1) else found
    return rows[0] if len(rows) == 1 and rows[0] is parts[0] else answer


def _choose_labels(names: Sequence[str] | Mapping[int, str] | None, count: int, model: str) -> Labels:
    """Return the labels of a classifier of `count` classes: `names`, or default labels if `names` is None."""
    if isinstance(names, Mapping):
        names = order_names(f"labels of {model}", names, count)
    if names is None and count <= MOST_CLASSES:
        return choose_labels(count)
    if names is None:
        raise ValueError(
            f"{model} answers with {count} numbers for a view; without labels, up to {MOST_CLASSES} are taken for "
            "classes: give labels, or wrap a part of the model that ends before"
        )
    if len(names) != count:
        raise ValueError(f"{model} has {count} classes and {len(names)} labels are given; give one for each class")
    return Labels(tuple(Label((str(name),)) for name in names))


def find_judge(model: nn.Module | Judge, device: torch.device | str | None) -> Judge:
    """Return a model as a judge (see `wrap`) on a device, or on its own. That of a module is kept until it changes, and
    so is a copy on another device: objectives of one model share it, and so their views."""
    judge = _keep(model, "", lambda: wrap(model)) if isinstance(model, nn.Module) else wrap(model)
    if device is None:
        return judge
    there = find_device(device)

    def move(member: Judge) -> Judge:
        if member.device == there:
            return member
        moved = _keep(member.module, str(there), lambda: member.to(there))
        return replace(member, module=moved.module, owner=None)

    return judge.map_members(move)


def _keep(module: nn.Module, place: str, make: Callable[[], Judge]) -> Judge:
    """Return the judge that `make` makes of a module for a `place`, or the one made before, if nothing changed."""
    if (state := _describe(module)) is None:
        return make()
    state = f"{place} {state}"
    with _wrapping:
        before, judge = _wrapped.pop(module, (None, None))
        if judge is None or before != state:
            judge = make()
        _wrapped[module] = state, judge
        for oldest in list(_wrapped)[:-_MOST_WRAPPED]:
            del _wrapped[oldest]
    return judge


def _describe(module: nn.Module) -> str | None:
    """Return the settings and hooks of all parts of a module, and checksums of its weights; None if some have none."""
    parts: list[Any] = []
    internal = vars(nn.Module())
    for name, part in module.named_modules():
        settings = {key: str(value) for key, value in vars(part).items() if key not in internal}
        parts.append((name, type(part), settings, [*part._forward_hooks, *part._forward_pre_hooks]))
    for name, each in [*module.named_parameters(), *module.named_buffers()]:
        plain = type(each) in (Tensor, nn.Parameter) and each.layout is torch.strided and not each.is_quantized
        if not plain or each.is_meta:
            return None
        bits = each.detach().cpu().contiguous().flatten().view(torch.uint8)
        parts.append((name, each.device, each.dtype, each.shape, crc32(bits.numpy().data)))
    return str(parts)
