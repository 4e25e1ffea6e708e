"""Style Objective and Content Objective: what they take and hand on, and what climbs."""

from typing import Any

import torch

from loaded_pack import STEADY, Pack, Toy, refuse_all

IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def style(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_StyleObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_lines_become_layers_with_their_weights(pack: Pack, toy: Any) -> None:
    objective = style(pack, toy, layers="head\nconvolution: 0.5", weight=2.0)
    assert [layer.name for layer in objective.terms[0].judge.layers] == ["head", "convolution"]
    assert (objective.terms[0].score.weights, objective.terms[0].weight) == ((1.0, 0.5), 2.0)
    assert not any(target.is_inference() for target in objective.terms[0].score.targets)


def test_style_and_content_climb_together(pack: Pack) -> None:
    model = pack.clip(Toy())
    asked = {"objective0": style(pack, model, layers="convolution: 2"), "objective1": content(pack, model)}
    stack = pack.stack(image=1 - IMAGE, start={"start": "image"})
    history = pack.optimize(stack=stack, objectives=asked, augmentation=pack.still(), steps=4, **STEADY)[3]
    assert list(history[0].scores) == ["style", "content"]
    assert sum(history[-1].scores.values()) > sum(history[0].scores.values())


def content(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_ContentObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_the_image_the_layer_and_the_weight_are_those_that_are_given(pack: Pack, toy: Any) -> None:
    objective = content(pack, toy, layer="head", weight=0.5)
    assert (objective.terms[0].score.layer, objective.terms[0].weight) == ("head", 0.5)
    assert torch.equal(objective.terms[0].references[0], IMAGE.movedim(-1, 1))
    assert not objective.terms[0].references[0].is_inference()
    assert content(pack, toy, layer=" ").terms[0].score.layer == "convolution"


test_what_cannot_be_is_refused = refuse_all(
    {
        r"layer 'heads' is not in toy; the nearest are head\. List Layers shows all$": lambda pack: style(
            pack, pack.classifier(Toy()), layers="convolution\nheads: 2"
        ),
        r"layer 'haed' is not in toy; the nearest are head\. List Layers shows all$": lambda pack: content(
            pack, pack.classifier(Toy()), layer="haed"
        ),
    }
)
