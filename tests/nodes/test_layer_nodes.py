"""The nodes that look into a model: what comes out, with either kind of model, and what they say of bad values."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from loaded_pack import Pack, Toy
from torch import Tensor

IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def style(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_StyleObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def content(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_ContentObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def feature(pack: Pack, model: Any, layer: str = "convolution", **kind: Any) -> Any:
    return pack.run("DAS_FeatureObjective", model=model, layer=layer, kind={"kind": "channel"} | kind)[0]


def test_a_model_of_either_kind_can_be_connected(pack: Pack) -> None:
    for node in ("DAS_StyleObjective", "DAS_ContentObjective", "DAS_FeatureObjective", "DAS_ListLayers"):
        assert pack.node(node).INPUT_TYPES()["required"]["model"][0] == "DAS_CLASSIFIER,DAS_CLIP"


@pytest.mark.parametrize("kind", ["classifier", "clip"])
def test_style_and_content_climb_together(pack: Pack, kind: str) -> None:
    model = getattr(pack, kind)(Toy())
    asked = {"objective0": style(pack, model, layers="convolution: 2"), "objective1": content(pack, model)}
    assert all(objective.judge.module is model.module for objective in asked.values())
    image, _, _, history, *_ = pack.optimize(
        stack=pack.stack(image=1 - IMAGE, start={"start": "image"}),
        objectives=asked,
        augmentation=pack.augmentation(views=1, jitter=0, zoom_min=1.0, noise=0.0, flip=0.0),
        steps=6,
        optimizer={"optimizer": "ascent", "coarse_to_fine": 0.0},
    )
    assert list(history[0].scores) == ["style", "content"]
    assert sum(history[-1].scores.values()) > sum(history[0].scores.values())
    assert not image.is_inference()


def test_a_batch_of_images_is_one_style_and_as_many_contents(pack: Pack, toy: Any) -> None:
    pair = torch.rand(2, 20, 30, 3)
    objectives = {"objective0": style(pack, toy, image=pair), "objective1": content(pack, toy, image=pair)}
    stack = pack.stack(image=pair, start={"start": "image"})
    assert pack.optimize(stack=stack, objectives=objectives)[0].shape[0] == 2
    with pytest.raises(ValueError, match="2 images to compare with do not go with a stack of 1: use 1 or 1"):
        pack.optimize(objectives={"objective0": content(pack, toy, image=pair)})


def test_style_content_features_and_classes_add_up(pack: Pack, toy: Any) -> None:
    asked = {
        "objective0": pack.objective(),
        "objective1": style(pack, toy),
        "objective2": pack.run("DAS_Schedule", objective=content(pack, toy), start=0.0, end=1.0)[0],
        "objective3": feature(pack, toy, channel=3),
    }
    history = pack.optimize(objectives=asked, steps=2)[3]
    assert list(history[0].scores) == ["class 0", "style", "content", "convolution channel 3"]
    assert all(record.gradient_norm > 0 for record in history)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ({"kind": "layer"}, "convolution"),
        ({"kind": "channel", "channel": 7}, "convolution channel 7"),
        ({"kind": "neuron", "channel": 7, "position": "0, 5"}, "convolution channel 7 at 0, 5"),
        ({"kind": "direction", "direction": "1: 2\n2: -1"}, "convolution direction"),
    ],
)
def test_every_kind_of_feature_climbs(pack: Pack, kind: dict[str, Any], name: str) -> None:
    objective = feature(pack, pack.classifier(Toy()), **kind)
    still = pack.augmentation(views=1, jitter=0, zoom_min=1.0, noise=0.0, flip=0.0)
    history = pack.optimize(
        objectives={"objective0": objective},
        augmentation=still,
        steps=3,
        optimizer={"optimizer": "ascent", "coarse_to_fine": 0.0},
        stack=pack.stack(start={"start": "noise"}),
    )[3]
    assert history[-1].scores[name] > history[0].scores[name]


def test_layers_are_listed_and_searched(pack: Pack, starter: Any) -> None:
    (text,) = pack.run("DAS_ListLayers", model=pack.classifier(Toy()))
    assert text.splitlines() == [
        "toy: 2 layers. Style takes convolution; content convolution.",
        "",
        "convolution  8 channels, 6 x 6  Conv2d",
        "head         4 channels         Linear",
    ]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="BLOCKS.3 conv_dw")
    head, _, *lines = text.splitlines()
    assert re.match(r"EfficientNet-Lite0: 3 of its \d+ layers match 'BLOCKS.3 conv_dw'\. Style takes bn1, bl", head)
    assert [line.split()[0] for line in lines] == [f"blocks.3.{n}.conv_dw" for n in range(3)]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="transformer")
    assert len(text.splitlines()) == 1


Bad = Callable[[Pack], object]
BAD: dict[str, Bad] = {
    r"layer 'convolutions' is not in toy; the nearest are convolution\. List": lambda pack: feature(
        pack, pack.clip(Toy()), "convolutions"
    ),
    r"channel 8 is out of range; layer convolution has channels 0 to 7": lambda pack: feature(
        pack, pack.classifier(Toy()), channel=8
    ),
    r"position '9, 0' is not in layer convolution \(8 channels, 6 x 6\)": lambda pack: feature(
        pack, pack.classifier(Toy()), kind="neuron", position="9, 0"
    ),
    r"channel 'eye' is not a whole number": lambda pack: feature(
        pack, pack.classifier(Toy()), kind="direction", direction="eye"
    ),
    r"toy has no attention heads": lambda pack: feature(pack, pack.classifier(Toy()), kind="head"),
    r"kind 'dream' is unknown; choose layer, channel, neuron, direction or head": lambda pack: pack.run(
        "DAS_FeatureObjective", model=pack.classifier(Toy()), layer="convolution", kind="dream"
    ),
    r"style image of 1 x 1 pixels has no texture": lambda pack: style(
        pack, pack.classifier(Toy()), image=torch.rand(1, 1, 1, 3)
    ),
    r"layer 'heads' is not in toy; the nearest are head": lambda pack: style(
        pack, pack.classifier(Toy()), layers="convolution\nheads: 2"
    ),
    r"style image has 4 channels": lambda pack: style(pack, pack.classifier(Toy()), image=torch.rand(1, 20, 20, 4)),
    r"layer 'haed' is not in toy": lambda pack: content(pack, pack.classifier(Toy()), layer="haed"),
    r"content image holds 1 values that are NaN": lambda pack: content(pack, pack.classifier(Toy()), image=holed()),
}


def holed() -> Tensor:
    image = IMAGE.clone()
    image[0, 2, 3, 1] = torch.nan
    return image


@pytest.mark.parametrize(("message", "bad"), list(BAD.items()), ids=list(BAD))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Bad) -> None:
    with pytest.raises(ValueError, match=message):
        bad(pack)
    assert torch.isfinite(pack.optimize(steps=1)[0]).all()
