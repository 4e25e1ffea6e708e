"""Any vision model as a judge: what it says of itself, what becomes a classifier, and pictures of such models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
from torch import nn

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.facade.wrap import wrap
from das_core.models.classifier import Classifier
from das_core.models.clip import CLIP
from das_core.models.layers.layer import find_layers
from das_core.models.sources.open_clip_text import without_torchaudio
from quick_render import render

with without_torchaudio():
    from transformers import ViTConfig, ViTForImageClassification, ViTModel

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = (0.5, 0.5, 0.5)
KNOWN: dict[str, Any] = {"mean": HALF, "std": HALF}
KNOWN_SIZE: dict[str, Any] = {"size": 8, **KNOWN}
RESNET = torchvision.models.resnet18
NO_CLASSES = "has no classes that labels could name; leave out labels"
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}


@each_case(
    ("build", "size", "mean"),
    [
        (torchvision.models.resnet18, 224, IMAGENET[0]),
        (lambda: torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=1000), 32, IMAGENET[0]),
        (torchvision.models.swin_v2_t, 256, IMAGENET[0]),
        (lambda: timm.create_model("tf_efficientnet_lite2"), 260, HALF),
        (lambda: timm.create_model("vit_tiny_patch16_224"), 224, HALF),
    ],
)
def test_what_a_model_says_of_itself_is_taken(build: Any, size: int, mean: tuple[float, ...]) -> None:
    made = wrap(build())
    assert isinstance(made, Classifier)
    assert (made.size, made.mean) == (size, mean)
    assert made.labels.name(107) == "jellyfish"


def test_a_model_of_transformers_answers_with_a_tensor() -> None:
    model = ViTForImageClassification(ViTConfig(**SMALL, num_labels=5))
    made = wrap(model, mean=HALF, std=HALF, labels=["ant", "bee", "cat", "dog", "eel"])
    assert isinstance(made, Classifier)
    assert (made.size, made.labels.find("cat")) == (32, 2)
    views = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(made(views), model.eval()(pixel_values=(views - 0.5) / 0.5).logits)
    own = ViTModel(ViTConfig(**SMALL))
    plain = wrap(own, mean=HALF, std=HALF)
    assert not isinstance(plain, Classifier)
    assert {layer.name for layer in find_layers(plain)} < {name for name, _ in own.named_modules()}


def test_a_model_of_open_clip_is_a_clip_and_says_what_it_is_shown(tmp_path: Path) -> None:
    with tinyclip.registered(tmp_path) as name:
        shown = {"image_mean": (0.4, 0.5, 0.6), "image_resize_mode": "squash"}
        model, _, _ = open_clip.create_model_and_transforms(name, pretrained=None, **shown)
    made = wrap(model)
    assert isinstance(made, CLIP)
    assert (made.name, made.size, made.mean) == ("CLIP", 32, (0.4, 0.5, 0.6))
    assert made.std == pytest.approx(open_clip.OPENAI_DATASET_STD)
    assert made.fit == "squash"
    assert made.encode_text(["a castle in fog"]).shape == (1, 24)
    assert any(layer.name == "transformer.resblocks.1" for layer in find_layers(made))
    assert wrap(model, mean=HALF, std=HALF).mean == HALF
    assert wrap(bare_clip(), **KNOWN, name="mine").name == "mine"


def test_what_answers_with_maps_can_be_asked_for_its_layers() -> None:
    made = wrap(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), size=16, mean=HALF, std=HALF, name="edges")
    assert not isinstance(made, Classifier)
    assert made.name == "edges"
    assert [layer.name for layer in find_layers(made)] == ["0", "1"]
    assert wrap(made) is made


def bare_clip() -> nn.Module:
    return open_clip.CLIP(**tinyclip.TINY)


def oblong() -> nn.Module:
    """A model that takes images of 32 x 48, and says so as a model of timm does."""
    model = torchvision.models.resnet18()
    model.pretrained_cfg = {"input_size": (3, 32, 48), "mean": HALF, "std": HALF}
    return model


def without_settings() -> nn.Module:
    model = torchvision.models.resnet18()
    model.pretrained_cfg = {}
    return model


class Answering(nn.Module):
    """A model with an answer of its own."""

    def __init__(self, answer: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, views: torch.Tensor) -> Any:
        return self.answer(views)


def without_weights() -> nn.Module:
    with torch.device("meta"):
        return torchvision.models.resnet18()


@each_case(
    ("build", "settings", "says"),
    [
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(192 * 4, 10)),
            {"size": 8, **KNOWN},
            r"Sequential fails on colour images of 8 x 8 \(RuntimeError: .*\); give the size",
        ),
        (RESNET, {"labels": ["cat"]}, "ResNet has 1000 classes and 1 labels are given"),
        (
            RESNET,
            {"mean": (0.5,)},
            r"^mean \(0.5,\) is not three numbers, one each for red, .* such as \(0.485, 0.456,",
        ),
        (RESNET, {"mean": 0.5}, "^mean 0.5 is not three numbers"),
        (RESNET, {"mean": "abc"}, "^mean abc is not three numbers"),
        (RESNET, {"std": torch.tensor(0.5)}, "^std a value of the type Tensor is not three numbers"),
        (RESNET, {"std": [0.5] * 4}, r"^std \[0.5, 0.5, 0.5, 0.5\] is not three numbers, .* such as \(0.229, 0.224,"),
        (
            RESNET,
            {"tokenizer": open_clip.SimpleTokenizer()},
            "ResNet is no model of open_clip, so its tokenizer would not be used",
        ),
        (RESNET, {"size": 0}, "^size 0 is no whole number of pixels from 1"),
        (RESNET, {"size": 32.5}, "^size 32.5 is no whole number of pixels from 1"),
        (RESNET, {"std": (0, 0, 0)}, r"^std \(0.0, 0.0, 0.0\) must be finite and above 0"),
        (RESNET, {"labels": "cat"}, "^labels 'cat' is one text; give a list"),
        (
            lambda: "resnet.pth",
            {},
            "^'resnet.pth' is no model; .* is loaded by load_classifier_file",
        ),
        (lambda: Answering(lambda views: {}["logits"]), KNOWN_SIZE, r"Answering fails on .* \(KeyError: 'logits'\)"),
        (
            lambda: Answering(lambda views: views.expand(1, 3, 8, 9)),
            KNOWN_SIZE,
            r"Answering fails on .* \(RuntimeError",
        ),
        (
            lambda: Answering(lambda views: views.mean((1, 2, 3))[:, None].expand(-1, 10**9)),
            KNOWN_SIZE,
            "Answering answers with 1000000000 numbers for a view; without labels, up to 100000 .* give labels",
        ),
        (lambda: torch.jit.trace(nn.ReLU(), torch.ones(1)), KNOWN_SIZE, "is traced or scripted .* give the module"),
        (lambda: nn.LazyConv2d(4, 3), KNOWN_SIZE, "LazyConv2d has no weights yet: .* lazy"),
        (without_settings, {}, "nothing says what images ResNet was trained on: pass size=224, mean=.*, std="),
        (
            lambda: torchvision.models.regnet.RegNet(
                torchvision.models.regnet.BlockParams([1] * 4, [8] * 4, [8] * 4, [2] * 4, [1.0] * 4)
            ),
            {},
            r"images RegNet was trained on \(size=224 for regnet.*, size=384 for regnet.*\): pass size=224, or what",
        ),
        (oblong, {}, "the model takes images of 32 x 48 pixels; only square images are possible"),
        (without_weights, {}, r"ResNet has no weights yet: .* on the device meta; load them"),
        (
            lambda: ViTForImageClassification(ViTConfig(**SMALL, num_labels=5)),
            {},
            r"nothing says what images ViTForImage.* was trained on: pass mean=.*, std=",
        ),
        (bare_clip, {}, r"nothing says what images CLIP was trained on: pass mean=.*, std="),
        (bare_clip, {"size": 64, **KNOWN}, r"CLIP takes images of 32 x 32 alone; leave out size"),
        (bare_clip, {"mean": HALF, "std": ()}, r"^std \(\) is not three numbers"),
        (bare_clip, {"size": 32, "labels": ["ant", "bee"], **KNOWN}, NO_CLASSES),
        (lambda: nn.Conv2d(3, 8, 3), {"size": 32, "labels": ["ant", "bee"], **KNOWN}, NO_CLASSES),
        (
            lambda: wrap(nn.Conv2d(3, 8, 3), size=32, **KNOWN),
            {"size": 64, "name": "mine"},
            "Conv2d is a judge and keeps its settings; leave out size, name",
        ),
    ],
)
def test_what_does_not_fit_is_named(build: Any, settings: dict[str, Any], says: str) -> None:
    model = build()
    with pytest.raises(ValueError, match=says):
        wrap(model, **settings)


def test_a_model_of_ones_own_is_asked_also_in_inference_mode_and_stays_as_it_was() -> None:
    model = torchvision.models.resnet18().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = render("layer1.0.conv1:3", model, size=64)
    assert list(made.scores) == ["layer1.0.conv1 channel 3"]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    with torch.inference_mode():
        assert torch.equal(render("layer1.0.conv1:3", model, size=64).image, made.image)


def test_layers_of_a_model_that_answers_with_a_tuple_are_climbed() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.edges = nn.Conv2d(3, 4, 3)

        def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            maps = self.edges(views)
            return maps.mean(dim=(2, 3)), maps

    judge = da.wrap(Pair(), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    made = render("edges:1", judge, steps=8)
    assert made.history[-1].scores["edges channel 1"] > made.history[0].scores["edges channel 1"]
    with pytest.raises(ValueError, match="Pair knows no classes; ask it for a layer"):
        render(da.classes(1), judge)


def test_a_model_that_stops_gradients_is_told_so() -> None:
    stopping = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    stopping.register_forward_hook(lambda module, inputs, answer: answer.detach())
    judge = da.wrap(stopping, size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(da.AscentError, match=r"vanished at step 1: .* must let gradients through"):
        render(3, judge)


def test_a_model_of_open_clip_is_asked_in_words_or_says_how_to_give_its_tokenizer() -> None:
    model = open_clip.CLIP(**tinyclip.TINY)
    # What `open_clip.create_model` says beside it.
    model.visual.image_mean, model.visual.image_std = (0.5,) * 3, (0.5,) * 3
    made = render("a castle in fog", model, steps=4)
    assert list(made.scores) == ["a castle in fog"]
    assert made.history[-1].scores["a castle in fog"] > made.history[0].scores["a castle in fog"]
    model = open_clip.CLIP(**tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    judge = da.wrap(model, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ValueError, match=r"CLIP has nothing to read words with; .* tokenizer=open_clip\.get_tokenizer"):
        render("a castle in fog", judge)
    assert render("transformer.resblocks.1:3", judge).image.shape == (1, 3, 48, 48)
