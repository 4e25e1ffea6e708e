"""Feature Objective: every kind climbs, beside others too, and bad values are named with what would do."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cases import each_case
from loaded_pack import Pack, Toy, assert_refused

IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def feature(pack: Pack, model: Any, layer: str = "convolution", **kind: Any) -> Any:
    return pack.run("DAS_FeatureObjective", model=model, layer=layer, kind={"kind": "channel"} | kind)[0]


class Attentive(nn.Module):
    """A classifier of four classes whose tokens attend to each other with two heads."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.patches = nn.Conv2d(3, 8, 4, stride=4)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 4)

    def forward(self, views: Tensor) -> Tensor:
        tokens = self.patches(views).flatten(2).transpose(1, 2)
        logits: Tensor = self.head(self.attention(tokens, tokens, tokens)[0].mean(dim=1))
        return logits


@each_case("head", [0, 1])
def test_a_head_of_a_transformer_climbs(pack: Pack, head: int) -> None:
    objective = feature(pack, pack.classifier(Attentive()), "attention", kind="head", head=head)
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3)[3]
    name = f"attention head {head}"
    assert history[-1].scores[name] > history[0].scores[name]


@each_case(
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
    history = pack.optimize(
        objectives={"objective0": objective},
        augmentation=pack.still(),
        steps=3,
        optimizer={"optimizer": "ascent", "coarse_to_fine": 0.0},
        stack=pack.stack(start={"start": "noise"}),
    )[3]
    assert history[-1].scores[name] > history[0].scores[name]


def test_style_content_features_and_classes_add_up(pack: Pack, toy: Any) -> None:
    (style,) = pack.run("DAS_StyleObjective", model=toy, image=IMAGE)
    (content,) = pack.run("DAS_ContentObjective", model=toy, image=IMAGE)
    asked = {
        "objective0": pack.objective(),
        "objective1": style,
        "objective2": pack.run("DAS_Schedule", objective=content, start=0.0, end=1.0)[0],
        "objective3": feature(pack, toy, channel=3),
    }
    history = pack.optimize(objectives=asked, steps=2)[3]
    assert list(history[0].scores) == ["class 0", "style", "content", "convolution channel 3"]
    assert all(record.gradient_norm > 0 for record in history)


BAD: dict[str, Callable[[Pack], object]] = {
    r"layer 'convolutions' is not in toy; the nearest are convolution\. List Layers shows all$": lambda pack: feature(
        pack, pack.clip(Toy()), "convolutions"
    ),
    r"no layer is named; write one of toy's, such as head\. List Layers shows all$": lambda pack: feature(
        pack, pack.clip(Toy()), " "
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
    r"head 2 is out of range; .* has heads 0 to 1": lambda pack: feature(
        pack, pack.classifier(Attentive()), "attention", kind="head", head=2
    ),
    r"toy has no attention heads": lambda pack: feature(pack, pack.classifier(Toy()), kind="head"),
    r"kind 'dream' is unknown; choose layer, channel, neuron, direction or head": lambda pack: pack.run(
        "DAS_FeatureObjective", model=pack.classifier(Toy()), layer="convolution", kind="dream"
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
