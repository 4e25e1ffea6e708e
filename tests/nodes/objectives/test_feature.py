"""Feature Objective: every kind climbs, beside others too, and bad values are named with what would do."""

from typing import Any

import torch
from torch import Tensor, nn

from cases import each_case
from loaded_pack import Pack, Toy, refuse_all


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


def test_a_head_of_a_transformer_climbs(pack: Pack) -> None:
    objective = feature(pack, pack.classifier(Attentive()), "attention", kind="head", head=1)
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3)[3]
    assert history[-1].scores["attention head 1"] > history[0].scores["attention head 1"]


@each_case(
    ("kind", "name"),
    [
        ({"kind": "layer"}, "convolution"),
        ({"kind": "channel", "channel": 7}, "convolution channel 7"),
        ({"kind": "neuron", "channel": 7, "position": "0, 5"}, "convolution channel 7 at 0, 5"),
        ({"kind": "direction", "direction": "1: 2\n2: -1"}, "convolution direction"),
    ],
)
def test_every_kind_of_feature_can_be_asked_for(pack: Pack, kind: dict[str, Any], name: str) -> None:
    assert feature(pack, pack.classifier(Toy()), **kind).name == name


test_what_cannot_be_is_refused = refuse_all(
    {
        r"layer 'convolutions' is not in toy; the nearest are convolution\. List Layers shows all$": lambda pack: (
            feature(pack, pack.clip(Toy()), "convolutions")
        ),
        r"channel 'eye' is not a whole number": lambda pack: feature(
            pack, pack.classifier(Toy()), kind="direction", direction="eye"
        ),
        r"kind 'dream' is unknown; choose layer, channel, neuron, direction or head": lambda pack: feature(
            pack, pack.classifier(Toy()), kind="dream"
        ),
    }
)
