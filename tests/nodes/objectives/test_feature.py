"""Feature, Style and Content Objective: what they take and hand on, what climbs, and what would do instead."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from loaded_pack import Pack, Toy, refuse_all


def feature(pack: Pack, layer: str = "convolution", model: Any = None, **kind: Any) -> Any:
    given = {"model": model or pack.clip(Toy()), "layer": layer, "kind": {"kind": "channel"} | kind}
    return pack.run("DAS_FeatureObjective", **given)[0]


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
    objective = feature(pack, "attention", pack.classifier(Attentive()), kind="head", head=1)
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3)[3]
    assert history[-1].scores["attention head 1"] > history[0].scores["attention head 1"]


@each_case(
    ("kind", "name"),
    ({"kind": "layer"}, "convolution"),
    ({"kind": "channel", "channel": 7}, "convolution channel 7"),
    ({"kind": "neuron", "channel": 7, "position": "0, 5"}, "convolution channel 7 at 0, 5"),
    ({"kind": "direction", "direction": "1: 2\n2: -1"}, "convolution direction"),
)
def test_every_kind_of_feature_can_be_asked_for(pack: Pack, kind: dict[str, Any], name: str) -> None:
    assert feature(pack, **kind).name == name


def test_latents_come_from_a_file(pack: Pack) -> None:
    folder = pack.home / "models" / "features"
    folder.mkdir(parents=True, exist_ok=True)
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    np.save(folder / "mine.npy", weight.numpy())
    chosen = {"kind": "latent", "checkpoint": "mine.npy"}
    model = pack.classifier(Attentive())
    objective = feature(pack, "patches", model, **chosen, latents="2\n4: -0.5", position="1, 2")
    assert objective.name == "patches mine 2, 4 at 1, 2"
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=3)[3]
    assert history[-1].scores[objective.name] > history[0].scores[objective.name]
    node = pack.node("DAS_FeatureObjective")
    assert node.fingerprint_inputs(kind=chosen) == (folder / "mine.npy").stat().st_mtime_ns
    for values, message in (
        ({"latents": "x"}, "latent 'x' is not a whole number"),
        ({"checkpoint": "../mine.npy"}, "no checkpoint '../mine.npy' lies in"),
    ):
        with pytest.raises(ValueError, match=message):
            feature(pack, **({"layer": "patches", "model": model} | chosen | {"latents": "0"} | values))


IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def style(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_StyleObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_lines_become_layers_with_their_weights(pack: Pack, toy: Any) -> None:
    objective = style(pack, toy, layers="head\nconvolution: 0.5", weight=2.0)
    assert [layer.name for layer in objective.terms[0].judge.layers] == ["head", "convolution"]
    assert (objective.terms[0].score.weights, objective.terms[0].weight) == ((1.0, 0.5), 2.0)
    assert not any(target.is_inference() for target in objective.terms[0].score.targets)


def content(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_ContentObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_the_image_the_layer_and_the_weight_are_those_that_are_given(pack: Pack, toy: Any) -> None:
    objective = content(pack, toy, layer="head", weight=0.5)
    assert (objective.terms[0].judge.layers[0].name, objective.terms[0].weight) == ("head", 0.5)
    assert torch.equal(objective.terms[0].references[0], IMAGE.movedim(-1, 1))
    assert not objective.terms[0].references[0].is_inference()
    assert content(pack, toy, layer=" ").terms[0].judge.layers[0].name == "convolution"


test_what_cannot_be_is_refused = refuse_all(
    {
        r"'convolutions' .* the nearest are convolution\. List Model Layers": lambda pack: feature(
            pack, "convolutions"
        ),
        r"kind 'dream' is unknown; choose layer, channel, neuron, direc": lambda pack: feature(pack, kind="dream"),
        r"layer 'heads' is .*\. List Model Layers shows all$": lambda pack: style(
            pack, pack.clip(Toy()), layers="heads: 2"
        ),
        r"layer 'haed' is .*\. List Model Layers shows all$": lambda pack: content(
            pack, pack.clip(Toy()), layer="haed"
        ),
    }
)
