"""Any vision model as a judge: what becomes a classifier or a CLIP, pictures of such models, judges that are kept."""

import gc
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
import transformers
from torch import nn
from torch.nn import functional as F
from torchvision.models import ResNet18_Weights

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.common.images import LUMINANCE
from das_core.facade.wrap import find_judge, wrap
from das_core.models.labels import imagenet_labels
from das_core.models.sources.open_clip_text import prepare_transformers
from direct_ascent import CLIP, Classifier, Embedder, Judge, find_layers
from quick_render import render
from toys import classifier, judge

prepare_transformers()


HALF = (0.5, 0.5, 0.5)
KNOWN: dict[str, Any] = {"mean": HALF, "std": HALF}
KNOWN_SIZE: dict[str, Any] = {"size": 8, **KNOWN}
RESNET = torchvision.models.resnet18
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}


def bare_clip() -> nn.Module:
    return open_clip.CLIP(**tinyclip.TINY)


def test_a_model_of_transformers_answers_with_a_tensor() -> None:
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, num_labels=5))
    made = wrap(model, **KNOWN, labels=["ant", "bee", "cat", "dog", "eel"])
    assert isinstance(made, Classifier)
    assert (made.size, made.labels.find("cat")) == (32, 2)
    views = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(made(views), model.eval()(pixel_values=(views - 0.5) / 0.5).logits)
    own = transformers.ViTModel(transformers.ViTConfig(**SMALL))
    plain = wrap(own, **KNOWN)
    assert not isinstance(plain, Classifier)
    assert {layer.name for layer in find_layers(plain)} < {name for name, _ in own.named_modules()}


def test_classes_have_the_names_that_the_model_or_its_weights_state() -> None:
    config = transformers.ViTConfig(**SMALL, id2label={0: "cock, rooster", 1: "hen", 2: ""})
    model: Any = transformers.ViTForImageClassification(config)
    made: Any = wrap(model, **KNOWN)
    assert [made.labels.labels[index].names for index in range(3)] == [("cock", "rooster"), ("hen",), ("class 2",)]
    made = wrap(model, **KNOWN, labels={2: "c", 0: "a", 1: "b"})
    assert made.labels.name(2) == "c"
    made = wrap(RESNET(), processor=ResNet18_Weights.IMAGENET1K_V1, size=64)
    assert (made.size, made.mean, made.labels) == (64, (0.485, 0.456, 0.406), imagenet_labels())
    model = RESNET(num_classes=3)
    made = wrap(model, processor=ResNet18_Weights.IMAGENET1K_V1)
    assert (made.size, made.labels.name(2)) == (224, "class 2")
    model.pretrained_cfg = {"label_names": ["ant", "bee", "cat"]}
    made = wrap(model, size=64, **KNOWN)
    assert made.labels.name(1) == "bee"


WIDE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
READ = WIDE | {"max_position_embeddings": 16, "vocab_size": 7, "eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 0}
SEE = WIDE | {"image_size": 32, "patch_size": 8}
CROPS = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
SQUASHES = transformers.SiglipImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.4] * 3)


@each_case(("kind", "shown", "fit"), ("CLIP", CROPS, "shortest"), ("Siglip", SQUASHES, "squash"))
def test_a_clip_of_transformers_sees_and_reads_as_it_does(kind: str, shown: Any, fit: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(text_config=READ, vision_config=SEE)
    model = getattr(transformers, f"{kind}Model")(config)
    tinyclip.write_tokenizer(tmp_path)
    words = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    clip = wrap(model, processor=SimpleNamespace(image_processor=shown, tokenizer=words))
    assert isinstance(clip, CLIP)
    assert (clip.size, clip.fit, clip.interpolation, model.training) == (32, fit, "bicubic", True)
    images, texts = torch.rand(2, 3, 32, 32), ["a photo", "a cat fish " * 20]
    tokens = words(texts, padding="max_length", truncation=True, max_length=16, return_tensors="pt").input_ids
    mean, std = (torch.tensor(values)[:, None, None] for values in (shown.image_mean, shown.image_std))
    with torch.no_grad():
        seen = model.eval().get_image_features(pixel_values=(images - mean) / std)
        read = model.get_text_features(input_ids=tokens)
    for ours, theirs in ((clip.encode_images(images), seen), (clip.encode_text(texts), read)):
        # Version 4 of transformers returns tensors.
        theirs = F.normalize(getattr(theirs, "pooler_output", theirs), dim=1)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert clip.text_tower.count_truncated(texts[1]) == 45
    assert any(layer.name == "vision_model.encoder.layers.1" for layer in find_layers(clip))
    mute: Any = wrap(model, **KNOWN)
    assert (mute.size, mute.fit) == (32, fit)
    with pytest.raises(ValueError, match=r"Model has no text tower, .* or its processor=AutoProcessor"):
        mute.encode_text(texts)
    with pytest.raises(ValueError, match=r"has no text tower, .* its processor=AutoProcessor"):
        render("a photo", mute)
    for wrong in (3, lambda texts, **_: texts, open_clip.SimpleTokenizer()):
        with pytest.raises(ValueError, match=r"Model cannot read .*its tokenizer belongs to another model"):
            wrap(model, processor=shown, tokenizer=wrong)


def test_the_image_half_of_a_clip_is_a_clip_that_does_not_read() -> None:
    model = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**SEE))
    clip = wrap(model, **KNOWN)
    assert isinstance(clip, CLIP)
    views = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(clip(views), model.eval()(pixel_values=(views - 0.5) / 0.5).image_embeds)
    assert clip.text is None


def test_a_model_of_one_channel_is_shown_the_luminance() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)).eval()
    views = torch.rand(2, 3, 20, 20)
    grey = sum(share * views[:, channel : channel + 1] for channel, share in enumerate(LUMINANCE))
    for mean, std in ((0.1307, 0.3081), ((0.1307,), [0.3081])):
        made = wrap(model, size=20, mean=mean, std=std)
        torch.testing.assert_close(made(views), model((grey - 0.1307) / 0.3081))
    assert find_layers(made)[0].name == "0"
    assert render(3, made, steps=4).scores


def without_last(build: Callable[..., Any], name: str) -> nn.Module:
    model: nn.Module = build()
    setattr(model, name, nn.Identity())
    return model


@each_case(
    ("build", "settings", "width"),
    (lambda: timm.create_model("resnet18", num_classes=0), {"size": 32}, 512),
    (lambda: timm.create_model("vit_tiny_patch16_224", num_classes=0), {}, 192),
    (lambda: without_last(RESNET, "fc"), {"size": 32}, 512),
    (lambda: RESNET(num_classes=9), {"size": 32, "labels": []}, 9),
    (lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)), KNOWN, 16),
    (lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, num_labels=0)), KNOWN, 16),
    (lambda: bare_clip().visual, {"size": 32, **KNOWN}, 24),
)
def test_a_model_without_a_last_layer_is_an_embedder(build: Any, settings: dict[str, Any], width: int) -> None:
    made = wrap(build(), **settings)
    assert (type(made), getattr(made, "width", None)) == (Embedder, width)
    photos = torch.rand(2, 3, 40, 40)
    ours = render(da.image(photos) + da.embedding(torch.ones(width)), made, steps=1)
    assert list(ours.scores) == ["2 images", "embedding"]
    with pytest.raises(ValueError, match="knows no classes; ask it for a layer"):
        render(3, made)


@each_case(
    ("build", "settings", "classes"),
    (lambda: timm.create_model("swin_tiny_patch4_window7_224"), {}, 1000),  # Its last part is an Identity.
    (lambda: without_last(RESNET, "fc"), {"size": 32, "labels": [str(index) for index in range(512)]}, 512),
)
def test_a_model_with_classes_is_none(build: Any, settings: dict[str, Any], classes: int) -> None:
    made = wrap(build(), **settings)
    assert isinstance(made, Classifier)
    assert len(made.labels) == classes


def to_four(views: torch.Tensor) -> torch.Tensor:
    return torch.cat([views, 1 - views.mean(dim=1, keepdim=True)], dim=1)


@each_case(
    ("channels", "convert"),
    (4, to_four),
    (7, lambda views: torch.cat([views * 2 - 1, to_four(views)], dim=1)),
    (2, nn.Conv2d(3, 2, 1)),
)
def test_a_model_of_other_channels_is_shown_what_a_function_makes_of_rgb(channels: int, convert: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(channels, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9))
    views = torch.rand(2, 3, 20, 20)
    made = wrap(model, size=20, convert=convert)
    torch.testing.assert_close(made(views), model(convert(views)))
    torch.testing.assert_close(wrap(model, size=20, convert=convert, **KNOWN)(views), model(convert(2 * views - 1)))
    if convert is to_four:  # A process that gets it by pickling shows it the same.
        torch.testing.assert_close(pickle.loads(pickle.dumps(made))(views), made(views))  # noqa: S301
    ours = render(3, made, steps=6)
    assert ours.history[-1].scores["class 3"] > ours.history[0].scores["class 3"]
    # What timm says of an architecture is for its three channels.
    wide: Any = timm.create_model("resnet18", in_chans=channels, num_classes=9)
    assert wrap(wide, size=32, convert=convert).mean == (0.0, 0.0, 0.0)


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
        render(da.classes(1), edges)


def pooled(views: torch.Tensor) -> torch.Tensor:
    return views.mean((2, 3))


@each_case(
    ("answer", "picks"),
    (lambda views: {"logits": pooled(views), "embedding": pooled(views) * 2}, True),
    (lambda views: {"maps": views, "scores": pooled(views), "loss": None}, True),
    (lambda views: (pooled(views), views, 3), True),
    (lambda views: {"one": pooled(views), "two": pooled(views)}, False),
    (lambda views: (views, pooled(views)), False),
    (lambda views: (pooled(views), pooled(views)), False),
    (lambda views: {}, False),
)
def test_the_only_rows_of_numbers_in_an_answer_are_those_of_a_classifier(answer: Any, picks: bool) -> None:
    made = wrap(Answering(answer), **KNOWN_SIZE)
    assert isinstance(made, Classifier) == picks
    views = torch.rand(3, 3, 8, 8)
    if picks:
        torch.testing.assert_close(made(views), pooled((views - 0.5) / 0.5))


def without_weights() -> nn.Module:
    with torch.device("meta"):
        return RESNET()


@each_case(
    ("build", "settings", "says"),
    (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(192 * 4, 10)),
        KNOWN_SIZE,
        r"Sequential fails on colour images of 8 x 8 \(RuntimeError: .*\); give the size",
    ),
    (RESNET, {"labels": ["cat"]}, "ResNet has 1000 classes and 1 labels are given"),
    (RESNET, {"labels": {0: "cat", 2: "dog"}}, "^labels of ResNet names classes 0, 2, and .* classes 0 to 999"),
    (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, id2label={0: "ant", 2: "bee"})),
        KNOWN,
        "^the id2label of ViTForImageClassification names classes 0, 2, and the model has classes 0 to 1; give",
    ),
    (lambda: nn.Conv2d(1, 8, 3), KNOWN_SIZE, "to have 1 channels.*; give the size that it takes, mean and std of"),
    (lambda: nn.Conv2d(4, 8, 3), KNOWN_SIZE, r"to have 4 channels.*convert= \(see wrap\) if it takes other channels"),
    (lambda: nn.Conv2d(4, 8, 3), {"size": 8, "convert": 3}, "^convert is a int and no function from views"),
    (lambda: nn.Conv2d(3, 8, 3), {"size": 8, "convert": lambda views: None}, "Conv2d fails on colour images"),
    (lambda: nn.Conv2d(3, 8, 3), {"size": 8, "convert": lambda views: 1 / 0}, r"\(ZeroDivisionError: division"),
    (bare_clip, {"convert": to_four, **KNOWN}, "CLIP is a CLIP and takes RGB images; leave out convert"),
    (classifier, {"convert": to_four}, "toy is a judge and keeps its settings; leave out convert"),
    (RESNET, {"processor": "microsoft/resnet-18"}, "^the processor, a str, cannot be imitated"),
    (RESNET, {"tokenizer": open_clip.SimpleTokenizer()}, "ResNet is no CLIP that is known here, so its tokenizer"),
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
)
def test_what_does_not_fit_is_named(build: Any, settings: dict[str, Any], says: str) -> None:
    model = build()
    with pytest.raises(ValueError, match=says):
        wrap(model, **settings)


def test_a_model_of_open_clip_is_asked_in_words_or_says_how_to_give_its_tokenizer() -> None:
    made = render("a castle in fog", wrap(bare_clip(), **KNOWN), steps=4)
    assert made.history[-1].scores["a castle in fog"] > made.history[0].scores["a castle in fog"]
    model = open_clip.CLIP(**tinyclip.TINY | {"text_cfg": tinyclip.TINY["text_cfg"] | {"vocab_size": 7}})
    mute = wrap(model, **KNOWN)
    with pytest.raises(ValueError, match=r"CLIP has no text tower, .* tokenizer=open_clip\.get_tokenizer"):
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
