"""Style Objective, alone and beside Content Objective: what climbs, and what is said of bad layers and images."""

from collections.abc import Callable
from typing import Any

import torch

from cases import each_case
from loaded_pack import Pack, Toy, assert_refused

IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def style(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_StyleObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_lines_become_layers_with_their_weights(pack: Pack, toy: Any) -> None:
    objective = style(pack, toy, layers="head\nconvolution: 0.5", weight=2.0)
    assert [layer.name for layer in objective.terms[0].judge.layers] == ["head", "convolution"]
    assert (objective.terms[0].score.weights, objective.terms[0].weight) == ((1.0, 0.5), 2.0)
    assert not any(target.is_inference() for target in objective.terms[0].score.targets)


@each_case("kind", ["classifier", "clip"])
def test_style_and_content_climb_together(pack: Pack, kind: str) -> None:
    model = getattr(pack, kind)(Toy())
    (content,) = pack.run("DAS_ContentObjective", model=model, image=IMAGE)
    asked = {"objective0": style(pack, model, layers="convolution: 2"), "objective1": content}
    assert all(objective.terms[0].judge.module is model.module for objective in asked.values())
    image, _, _, history, *_ = pack.optimize(
        stack=pack.stack(image=1 - IMAGE, start={"start": "image"}),
        objectives=asked,
        augmentation=pack.still(),
        steps=6,
        optimizer={"optimizer": "ascent", "coarse_to_fine": 0.0},
    )
    assert list(history[0].scores) == ["style", "content"]
    assert sum(history[-1].scores.values()) > sum(history[0].scores.values())
    assert not image.is_inference()


BAD: dict[str, Callable[[Pack], object]] = {
    r"style image of 1 x 1 pixels has no texture": lambda pack: style(
        pack, pack.classifier(Toy()), image=torch.rand(1, 1, 1, 3)
    ),
    r"layer 'heads' is not in toy; the nearest are head\. List Layers shows all$": lambda pack: style(
        pack, pack.classifier(Toy()), layers="convolution\nheads: 2"
    ),
    r"style image has 4 channels": lambda pack: style(pack, pack.classifier(Toy()), image=torch.rand(1, 20, 20, 4)),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
