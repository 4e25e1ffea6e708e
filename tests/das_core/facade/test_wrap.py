"""Any vision model as a judge: what becomes a classifier or a CLIP, pictures of such models, judges that are kept."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import torchvision
from torch import nn

import das_core as da
import tinyclip
from cases import each_case
from das_core import CLIP, Classifier, Judge, facade, find_layers
from das_core.facade.wrap import find_judge, wrap
from das_core.models.sources.open_clip_text import without_torchaudio
from quick_render import render
from toys import classifier, judge

with without_torchaudio():
    from transformers import ViTConfig, ViTForImageClassification, ViTModel

HALF = (0.5, 0.5, 0.5)
KNOWN: dict[str, Any] = {"mean": HALF, "std": HALF}
KNOWN_SIZE: dict[str, Any] = {"size": 8, **KNOWN}
RESNET = torchvision.models.resnet18
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}


def bare_clip() -> nn.Module:
    return open_clip.CLIP(**tinyclip.TINY)


def test_a_model_of_transformers_answers_with_a_tensor() -> None:
    model = ViTForImageClassification(ViTConfig(**SMALL, num_labels=5))
    made = wrap(model, **KNOWN, labels=["ant", "bee", "cat", "dog", "eel"])
    assert isinstance(made, Classifier)
    assert (made.size, made.labels.find("cat")) == (32, 2)
    views = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(made(views), model.eval()(pixel_values=(views - 0.5) / 0.5).logits)
    own = ViTModel(ViTConfig(**SMALL))
    plain = wrap(own, **KNOWN)
    assert not isinstance(plain, Classifier)
    assert {layer.name for layer in find_layers(plain)} < {name for name, _ in own.named_modules()}


def test_a_model_of_open_clip_is_a_clip_and_says_what_it_is_shown(tmp_path: Path) -> None:
    with tinyclip.registered(tmp_path) as name:
        shown = {"image_mean": (0.4, 0.5, 0.6), "image_resize_mode": "squash"}
        model, _, _ = open_clip.create_model_and_transforms(name, pretrained=None, **shown)
    made = wrap(model)
    assert isinstance(made, CLIP)
    assert (made.name, made.size, made.mean, made.fit) == ("CLIP", 32, (0.4, 0.5, 0.6), "squash")
    assert made.std == pytest.approx(open_clip.OPENAI_DATASET_STD)
    assert made.encode_text(["a castle in fog"]).shape == (1, 24)
    assert any(layer.name == "transformer.resblocks.1" for layer in find_layers(made))
    assert wrap(bare_clip(), **KNOWN, name="mine").name == "mine"


class Answering(nn.Module):
    """A model with an answer of its own."""

    def __init__(self, answer: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, views: torch.Tensor) -> Any:
        return self.answer(views)


def test_what_answers_with_maps_or_a_tuple_can_be_asked_for_its_layers_alone() -> None:
    for model in (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), Answering(lambda views: (views, views))):
        plain = wrap(model, size=16, **KNOWN, name="edges")
        assert (type(plain), plain.name) == (Judge, "edges")
        assert wrap(plain) is plain
    edges = wrap(nn.Sequential(nn.Conv2d(3, 4, 3), Answering(lambda maps: (maps, 1))), size=32, **KNOWN)
    made = render("0:1", edges, steps=8)
    assert made.history[-1].scores["0 channel 1"] > made.history[0].scores["0 channel 1"]
    with pytest.raises(ValueError, match="Sequential knows no classes; ask it for a layer"):
        render(facade.classes(1), edges)


def without_weights() -> nn.Module:
    with torch.device("meta"):
        return RESNET()


@each_case(
    ("build", "settings", "says"),
    [
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(192 * 4, 10)),
            KNOWN_SIZE,
            r"Sequential fails on colour images of 8 x 8 \(RuntimeError: .*\); give the size",
        ),
        (RESNET, {"labels": ["cat"]}, "ResNet has 1000 classes and 1 labels are given"),
        (RESNET, {"tokenizer": open_clip.SimpleTokenizer()}, "ResNet is no model of open_clip, so its tokenizer would"),
        (RESNET, {"size": 0}, "^size 0 is no whole number of pixels from 1"),
        (lambda: "resnet.pth", {}, "^'resnet.pth' is no model; .* is loaded by load, or"),
        (lambda: 3, {}, "^a int is no model; give a torch.nn.Module"),
        (
            lambda: Answering(lambda views: dict[str, Any]()["logits"]),
            KNOWN_SIZE,
            r"Answering fails on .* \(KeyError: 'logits'\)",
        ),
        (
            lambda: Answering(lambda views: views.mean((1, 2, 3))[:, None].expand(-1, 10**9)),
            KNOWN_SIZE,
            "Answering answers with 1000000000 numbers for a view; without labels, up to 100000 .* give labels",
        ),
        (lambda: torch.jit.trace(nn.ReLU(), torch.ones(1)), KNOWN_SIZE, "is traced or scripted .* give the module"),
        (without_weights, {}, r"ResNet has no weights yet: .* on the device meta; load them"),
        (bare_clip, {"size": 64, **KNOWN}, r"CLIP takes images of 32 x 32 alone; leave out size"),
        (bare_clip, {"labels": ["ant", "bee"], **KNOWN}, "CLIP has no classes that labels could name; leave out"),
        (
            lambda: nn.Conv2d(3, 8, 3),
            {"size": 32, "labels": ["ant", "bee"], **KNOWN},
            "Conv2d has no classes that labels could name",
        ),
        (classifier, {"size": 64, "name": "mine"}, "toy is a judge and keeps its settings; leave out size, name"),
    ],
)
def test_what_does_not_fit_is_named(build: Any, settings: dict[str, Any], says: str) -> None:
    model = build()
    with pytest.raises(ValueError, match=says):
        wrap(model, **settings)


def test_a_model_of_ones_own_is_asked_also_in_inference_mode_and_stays_as_it_was() -> None:
    model = RESNET().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = render("layer1.0.conv1:3", model, size=64, steps=1)
    assert list(made.scores) == ["layer1.0.conv1 channel 3"]
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    with torch.inference_mode():
        assert torch.equal(render("layer1.0.conv1:3", model, size=64, steps=1).image, made.image)


def test_a_model_that_stops_gradients_is_told_so() -> None:
    stopping = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    stopping.register_forward_hook(lambda module, inputs, answer: answer.detach())
    with pytest.raises(da.AscentError, match=r"vanished at step 1: .* must let gradients through"):
        render(3, wrap(stopping, size=32, **KNOWN))


def test_a_model_of_open_clip_is_asked_in_words_or_says_how_to_give_its_tokenizer() -> None:
    made = render("a castle in fog", wrap(bare_clip(), **KNOWN), steps=4)
    assert made.history[-1].scores["a castle in fog"] > made.history[0].scores["a castle in fog"]
    model = open_clip.CLIP(**tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    mute = wrap(model, **KNOWN)
    with pytest.raises(ValueError, match=r"CLIP has nothing to read words with; .* tokenizer=open_clip\.get_tokenizer"):
        render("a castle in fog", mute)
    assert render("transformer.resblocks.1:3", mute, steps=1).image.shape == (1, 3, 48, 48)


def test_a_module_is_wrapped_once_until_it_changes_and_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = []

    def make(module: nn.Module) -> Judge:
        wrapped.append(weakref.ref(module))
        return judge(nn.Sequential(*module.children()))

    monkeypatch.setitem(find_judge.__globals__, "wrap", make)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    first = find_judge(module, None)
    assert find_judge(module, None) is first
    next(module.parameters()).data[0, 0, 0, 0] += 1
    second = find_judge(module, None)
    assert second is not first
    module[2] = nn.GELU()
    assert find_judge(module, None) is not second
    module.register_forward_hook(lambda *_: None)
    third = find_judge(module, "cpu")
    assert find_judge(module, "cpu") is third
    assert len(wrapped) == 4
    del module
    gc.collect()
    assert wrapped[0]() is None
