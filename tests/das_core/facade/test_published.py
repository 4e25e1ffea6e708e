"""What images a model was trained on: what its library says, what is given, and what is missing."""

from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
import transformers
from torch import nn

import tinyclip
from cases import each_case, refuses
from das_core.facade.published import complete_settings
from das_core.models.sources.open_clip_text import prepare_transformers
from das_core.models.sources.weights import UndrawnWeights

prepare_transformers()

IMAGENET, HALF = (0.485, 0.456, 0.406), (0.5, 0.5, 0.5)
KNOWN: dict[str, Any] = {"mean": HALF, "std": HALF}
RESNET = torchvision.models.resnet18
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}


def complete(module: nn.Module, **given: Any) -> dict[str, Any]:
    return complete_settings("toy", module, {"size": None, "mean": None, "std": None} | given)


def bare_clip(**shown: Any) -> nn.Module:
    model = open_clip.CLIP(**tinyclip.TINY)
    for name, value in shown.items():
        setattr(model.visual, name, value)
    return model


def like_timm(**settings: Any) -> nn.Module:
    model = RESNET()
    model.pretrained_cfg = settings
    return model


@each_case(
    ("build", "given", "size", "mean"),
    (RESNET, {}, 224, IMAGENET),
    (RESNET, {"size": 64, "mean": [0.5] * 3}, 64, HALF),
    (lambda: torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 32), {}, 32, IMAGENET),
    (torchvision.models.swin_v2_t, {}, 256, IMAGENET),
    (lambda: timm.create_model("tf_efficientnet_lite2"), {}, 260, HALF),
    (lambda: bare_clip(image_mean=HALF, image_std=HALF), {}, 32, HALF),
    (lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)), KNOWN, 32, HALF),
    (lambda: nn.Conv2d(3, 8, 3), {"size": torch.tensor(16), **KNOWN}, 16, HALF),
)
def test_what_a_model_says_of_itself_is_taken_unless_it_is_given(
    build: Any, given: dict[str, Any], size: int, mean: tuple[float, ...]
) -> None:
    settings = complete(build(), **given)
    assert (settings["size"], settings["mean"]) == (size, mean)
    assert type(settings["size"]) is int


test_what_is_missing_or_out_of_range_is_named = refuses(
    lambda build, given: complete(build(), **given),
    (RESNET, {"mean": (0.5,)}, r"^mean \(0.5,\) is not three numbers, one each for red, .* such as \(0.485"),
    (RESNET, {"std": "abc"}, r"^std abc is not three numbers, .* such as \(0.229"),
    (RESNET, {"std": (0, 0, 0)}, r"^std \(0.0, 0.0, 0.0\) must be finite and above 0"),
    (RESNET, {"mean": (0, 0, torch.nan)}, r"^mean \(0.0, 0.0, nan\) must be finite, such as"),
    (RESNET, {"size": 0}, "^size 0 is no whole number of pixels from 1"),
    (RESNET, {"size": 32.5}, "^size 32.5 is no whole number of pixels from 1"),
    (like_timm, {}, "nothing says what images toy was trained on: pass size=224, mean=.*, std="),
    (
        lambda: torchvision.models.regnet.RegNet(
            torchvision.models.regnet.BlockParams([1] * 4, [8] * 4, [8] * 4, [2] * 4, [1.0] * 4)
        ),
        {},
        r"images toy was trained on \(size=224 for regnet.*, size=384 for regnet.*\): pass size=224, or what",
    ),
    (
        lambda: like_timm(input_size=(3, 32, 48), **KNOWN),
        {},
        "the model takes images of 32 x 48 pixels; only square images are possible",
    ),
    (bare_clip, {}, r"nothing says what images toy was trained on: pass mean=.*, std=.*; processor= takes all"),
    (RESNET, {"mean": 0.5, "std": HALF}, "^mean 0.5 is not three numbers, .*; for grey images both mean and std"),
    (RESNET, {"mean": (0.5,), "std": [0]}, r"^std \(0.0, 0.0, 0.0\) must be finite and above 0"),
)


def test_every_classifier_of_torchvision_is_shown_what_its_weights_were_or_the_user_is_asked() -> None:
    for name in torchvision.models.list_models(module=torchvision.models):
        if name.startswith("regnet") and name != "regnet_y_16gf":
            continue  # They cannot be built without numbers, and one is enough.
        with torch.device("cpu" if name == "regnet_y_16gf" else "meta"), UndrawnWeights():
            model = torchvision.models.get_model(name, weights=None)
        owner, _, kind = [part for part, _ in model.named_parameters()][-1].rpartition(".")
        setattr(model.get_submodule(owner), kind, nn.Parameter(torch.zeros(1000)))
        weights = [one for one in torchvision.models.get_model_weights(name) if one.meta["categories"]]
        presets = [one.transforms() for one in weights]
        known = {(each.crop_size[0], tuple(each.mean), tuple(each.std)) for each in presets}
        # A vision transformer knows its size.
        known = {one for one in known if one[0] == getattr(model, "image_size", one[0])}
        if len(known) == 1:
            assert tuple(complete(model)[key] for key in ("size", "mean", "std")) in known, name
        else:
            with pytest.raises(ValueError, match=rf"size=224 for {name} IMAGENET1K_V1, size=384 for {name} IMAG"):
                complete(model)
