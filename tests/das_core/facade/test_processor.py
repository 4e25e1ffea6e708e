"""Processors are measured: a model is then shown what they make of a picture, and what cannot be imitated is said."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from torch.nn import functional as F
from torchvision import transforms as T
from torchvision.models import EfficientNet_V2_L_Weights, ResNet50_Weights

from cases import each_case
from das_core.common.images import LUMINANCE, fit_square, to_bytes
from das_core.facade.processor import measure_processor
from das_core.models.sources.open_clip_text import prepare_transformers

prepare_transformers()

SQUARE = {"height": 32, "width": 32}
RAW = transformers.ViTImageProcessor(size=SQUARE, do_normalize=False, rescale_factor=1 / 127.5)
GREY = T.Compose([T.Grayscale(), T.Resize((32, 32)), T.ToTensor(), T.Normalize(0.1307, 0.3081)])


@each_case(
    ("processor", "fit", "interpolation"),
    (transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32), "shortest", "bicubic"),
    (transformers.CLIPImageProcessor(size=SQUARE, crop_size=SQUARE, resample=2), "squash", "bilinear"),
    (transformers.SiglipImageProcessor(size=SQUARE), "squash", "bicubic"),
    (transformers.EfficientNetImageProcessor(size=SQUARE, image_std=(0.2, 0.3, 0.4), resample=3), "squash", "bicubic"),
    (SimpleNamespace(image_processor=RAW), "squash", "bilinear"),
    (GREY, "squash", "bilinear"),
    (T.Compose([T.Resize(32), T.CenterCrop(32), T.ToTensor()]), "shortest", "bilinear"),
)
def test_a_model_is_shown_what_the_processor_makes(processor: Any, fit: Any, interpolation: Any) -> None:
    known = measure_processor(processor)
    assert (known["size"], known["resize_mode"], known["interpolation"]) == (32, fit, interpolation)
    coarse = torch.rand(1, 3, 9, 18, generator=torch.Generator().manual_seed(0))
    picture = F.interpolate(coarse, scale_factor=10, mode="bilinear")
    made: Any = getattr(processor, "image_processor", processor)(Image.fromarray(to_bytes(picture)))
    made = made if isinstance(made, torch.Tensor) else torch.as_tensor(made["pixel_values"][0])
    seen = fit_square(picture, 32, fit, interpolation)[0]
    if len(known["mean"]) == 1:
        seen = (seen * torch.tensor(LUMINANCE)[:, None, None]).sum(0, keepdim=True)
    mean, std = (torch.tensor(known[key])[:, None, None] for key in ("mean", "std"))
    # The processor rounds to bytes, and resizes before it crops.
    torch.testing.assert_close((seen - mean) / std, made.float(), atol=5 / 255 / float(std.min()), rtol=0)


def test_weights_of_torchvision_and_what_leaves_the_size_open() -> None:
    known = measure_processor(EfficientNet_V2_L_Weights.IMAGENET1K_V1)
    assert (known["size"], known["mean"], known["std"]) == (480, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    known = measure_processor(ResNet50_Weights.IMAGENET1K_V2)
    assert (known["mean"], known["std"]) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert measure_processor(T.ToTensor())["size"] is None


def damaged(**values: Any) -> Any:
    made = transformers.ViTImageProcessor()
    vars(made).update(values)
    return made


@each_case(
    ("processor", "says"),
    ("openai/clip-vit-base-patch32", r"a str, .* \(TypeError: 'str' object is not callable\); give an image proc"),
    (lambda image: image, r"\(TypeError: 'Image' object is not subscriptable\)"),
    (T.Compose([T.Resize((32, 48)), T.ToTensor()]), r"it makes \(3, 32, 48\) of a square picture"),
    (lambda image: T.ToTensor()(image).flip(0), "it does more than resize, crop and normalise by fixed numbers"),
    (lambda image: T.ToTensor()(image) * 0, "it does more than resize"),
    (T.Compose([T.CenterCrop(800), T.ToTensor()]), "it does more than resize"),
    (
        transformers.ViTImageProcessor(do_rescale=False),
        "its do_rescale is off, so it expects pixels that are 0..1 already",
    ),
    (damaged(size="224"), r"a ViTImageProcessor, .* \(ValueError: Could not convert size"),
    (damaged(image_mean=None), r"\(ValueError: `image_mean` and `image_std` must both"),
    (damaged(image_std=(0.0, 0.0, 0.0)), "it does more than resize"),
    (damaged(resample=99), r"\((KeyError|ValueError): .*99"),
)
def test_what_cannot_be_imitated_is_named(processor: Any, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^the processor, .*{says}"):
        measure_processor(processor)
