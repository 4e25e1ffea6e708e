"""Content Objective: the images it keeps, and what it says of layers and images that it cannot use."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, Toy, assert_refused

IMAGE = torch.rand(1, 40, 50, 3, generator=torch.Generator().manual_seed(0))


def content(pack: Pack, model: Any, **inputs: Any) -> Any:
    return pack.run("DAS_ContentObjective", **({"model": model, "image": IMAGE} | inputs))[0]


def test_the_image_the_layer_and_the_weight_are_those_that_are_given(pack: Pack, toy: Any) -> None:
    objective = content(pack, toy, layer="head", weight=0.5)
    assert (objective.terms[0].score.layer, objective.terms[0].weight) == ("head", 0.5)
    assert torch.equal(objective.terms[0].references[0], IMAGE.movedim(-1, 1))
    assert not objective.terms[0].references[0].is_inference()
    assert content(pack, toy, layer=" ").terms[0].score.layer == "convolution"


def test_the_image_that_a_stack_starts_from_has_its_own_content(pack: Pack, toy: Any) -> None:
    stack = pack.stack(image=IMAGE, start={"start": "image", "contrast": 1.0})
    other = pack.stack(image=1 - IMAGE, start={"start": "image", "contrast": 1.0})
    given = {"augmentation": pack.still(), "steps": 1, "objectives": {"objective0": content(pack, toy)}}
    near, far = (pack.optimize(stack=start, **given)[3][0].scores["content"] for start in (stack, other))
    assert far < 100 * near < 0


def test_a_batch_of_images_is_one_style_and_as_many_contents(pack: Pack, toy: Any) -> None:
    pair = torch.rand(2, 20, 30, 3)
    (style,) = pack.run("DAS_StyleObjective", model=toy, image=pair)
    objectives = {"objective0": style, "objective1": content(pack, toy, image=pair)}
    stack = pack.stack(image=pair, start={"start": "image"})
    assert pack.optimize(stack=stack, objectives=objectives)[0].shape[0] == 2
    with pytest.raises(ValueError, match="2 images to compare with do not go with a stack of 1 image: use 1"):
        pack.optimize(objectives={"objective0": content(pack, toy, image=pair)})


def holed() -> torch.Tensor:
    image = IMAGE.clone()
    image[0, 2, 3, 1] = torch.nan
    return image


BAD: dict[str, Callable[[Pack], object]] = {
    r"layer 'haed' is not in toy; the nearest are head\. List Layers shows all$": lambda pack: content(
        pack, pack.classifier(Toy()), layer="haed"
    ),
    r"content image holds 1 values that are NaN": lambda pack: content(pack, pack.classifier(Toy()), image=holed()),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
