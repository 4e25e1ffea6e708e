"""Attacks: the steps of PGD, against PGD written by hand, what they leave alone, and how strong they are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from benchmarks.attacks import attack_by_hand
from cases import each_case, refuses
from das_core.ascent.recipe import suit_bound
from das_core.facade import render
from photographs import load_photograph
from toys import classifier, judge

TOY = classifier()


def photo(side: int = 32) -> Tensor:
    """A photograph in 8 bits, with black and white."""
    image = load_photograph("coffee", side).mul(255).round().div(255)
    image[..., :4], image[..., 4:8] = 0, 1
    return image


@each_case("within", da.Within(8 / 255), da.Within(0.7, "l2"))
@each_case("color", "rgb", "decorrelated")
def test_without_momentum_steps_are_those_of_pgd(within: da.Within, color: Any) -> None:
    # Without black and white, from which a stack is kept half a byte away, and where the order of two clips matters.
    spec, image = da.StackSpec(32, 32, margin=8, color=color), photo() * 0.6 + 0.2
    size = within.limit / 4
    recipe = replace(
        da.ATTACK, steps=5, optimizer=da.ascent.SteepestAscent(size, within.norm, momentum=0), schedule="constant"
    )
    start = da.ImageStack.from_image(spec, image, contrast=1.0)
    made = recipe.prepare(start, da.classes(3).on(TOY), within=within).run().image
    expected = attack_by_hand(TOY, image, 3, within=within, steps=5, step_size=size)
    differs = (made - expected).abs() > 1e-4
    # Where a gradient is 0 but for its rounding, its sign may be another.
    assert float(differs.float().mean()) < (0.002 if within.norm == "linf" else 1e-9)


@each_case("optimizer", da.ascent.SteepestAscent(), da.ascent.SteepestAscent(0.1, "l2", 0.9))
def test_what_the_model_does_not_see_keeps_its_bits(optimizer: da.ascent.SteepestAscent) -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:24, 8:24] = 1
    stack = da.ImageStack.from_image(da.StackSpec(32, 32, margin=8), photo(), contrast=1.0)
    recipe = replace(da.ATTACK, steps=3, optimizer=optimizer)
    after = recipe.prepare(stack, da.in_region(da.classes(3).on(TOY), mask)).run().stack
    moved = (after.canvas != stack.canvas).any(dim=1)[0]
    assert bool(moved[16:32, 16:32].all())
    assert int(moved.sum()) == 256
    # A model of red alone.
    red = judge(nn.Sequential(nn.Conv2d(3, 1, 4, bias=False), nn.Flatten()), 32)
    red.module[0].weight.data[:, 1:] = 0  # type: ignore[index]
    made = recipe.prepare(stack, da.Objective((da.Term("red", lambda output, _: output.mean(dim=1), red),))).run()
    change = (made.image - stack.image()).abs().amax(dim=(0, 2, 3))
    assert float(change[0]) > 1e-3
    assert float(change[1:].max()) < 2e-6


def test_a_bound_without_a_recipe_is_an_attack_that_is_at_least_as_strong_as_pgd() -> None:
    model = da.load_starter()
    for name, target in (("coffee", 107), ("cat", 1)):
        image = load_photograph(name, 224).mul(255).round().div(255)
        settings: dict[str, Any] = {"size": 224, "start": image, "within": 8 / 255, "steps": 10, "progress": False}
        made = render(model, target, **settings).image
        usual = attack_by_hand(model, image, target, within=da.Within(8 / 255), steps=10, step_size=2 / 255)
        ours, theirs, before = (float(model.probabilities(one)[0, target]) for one in (made, usual, image))
        assert before < 0.01
        assert ours > max(0.5, theirs - 5e-4)
        assert float((made - image).abs().max()) <= 8 / 255


def test_an_ascent_ends_as_soon_as_the_saved_pictures_of_all_are_taken_for_the_target() -> None:
    images = torch.cat([photo(), load_photograph("cat", 32)])
    settings: dict[str, Any] = {"size": 32, "start": images, "within": 16 / 255, "progress": False}
    seen: list[int] = []

    def look(step: da.ascent.Step) -> bool:
        found = TOY.probabilities(step.image().mul(255).round().div(255))
        seen.append(int((found.argmax(dim=1) == 3).sum()))
        return False

    made = render(TOY, da.classes(3, "margin"), until=0, callback=look, **settings)
    assert seen[-1] == 2
    assert 2 not in seen[:-1]
    assert len(made.history) == len(seen) < 20
    assert len(render(TOY, -1 * da.classes(3, "margin"), until=100, steps=4, **settings).history) == 4
    ended = render(TOY, da.classes(3), until=100, callback=lambda step: step.record.step == 1, **settings)
    assert len(ended.history) == 2


def test_steps_suit_the_bound_and_a_recipe_that_is_given_stays() -> None:
    suited = suit_bound(replace(da.ATTACK, steps=40), da.Within(3.0, "l2"))
    assert suited.optimizer == da.ascent.SteepestAscent(0.6, "l2")
    assert suit_bound(da.ATTACK, da.Within(0.1)).optimizer == da.ascent.SteepestAscent(0.02)
    assert suit_bound(da.PICTURE, da.Within(8 / 255)) == da.PICTURE


@each_case("start", lambda: torch.rand(1, 3, 32, 32), lambda: da.ImageStack.gray(da.StackSpec(32, 32, margin=8)))
def test_an_attack_is_for_pixels(start: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"^(SteepestAscent, the optimizer of an attack, moves pixels|a bound)"):
        render(TOY, 3, size=32, start=start(), within=0.1, parametrization="fourier", progress=False)


test_what_cannot_be_is_refused = refuses(
    da.ascent.SteepestAscent,
    (0.0, "linf", r"step_size 0\.0 is not above 0 .*; 1\.6/255 suits 20 steps within 8/255"),
    (0.1, "l1", "norm 'l1' is unknown"),
    (0.1, "l2", 1.0, "momentum 1.0 is not between"),
)
