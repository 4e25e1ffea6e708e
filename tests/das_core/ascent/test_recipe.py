"""Recipes, and before the first step: what reaches the ascent, what is chosen, and what is refused."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

import direct_ascent as da
from cases import each_case
from das_core.ascent.preparation import check_settings, choose_chunk, choose_focus, prepare_stack
from das_core.ascent.recipe import suit_film, suit_stack, suit_zoom
from toys import SPEC, climb, toy_class

VIEWS = da.views.Augmentation(2, da.views.Windows(8))


def test_every_setting_reaches_the_ascent() -> None:
    focus, denoising = da.ascent.Focus(0.2, 0.9), da.ascent.Denoising(share=0.7)
    recipe = da.Recipe(7, VIEWS, da.ascent.SGD(0.5), "constant", focus, denoising)
    stack, device = da.ImageStack.gray(SPEC), torch.device("cpu")
    ascent = recipe.prepare(stack, [toy_class()], seed=5, chunk=3, device=device, within=0.5)
    assert (ascent.steps, ascent.augmentation, ascent.optimizer) == (7, VIEWS, da.ascent.SGD(0.5))
    assert (ascent.schedule, ascent.focus, ascent.denoising) == ("constant", focus, denoising)
    assert (ascent.seed, ascent.chunk, ascent.device, ascent.within) == (5, 3, device, da.Within(0.5))
    # A GPU takes more views at once.
    assert 0 < choose_chunk(device) < choose_chunk(torch.device("cuda"))


def test_a_picture_is_what_an_ascent_makes_by_default() -> None:
    stack, asked = da.ImageStack.gray(SPEC), [toy_class()]
    own = replace(da.PICTURE, steps=3).prepare(stack, asked, seed=2).run()
    assert torch.equal(own.image, da.Ascent(stack, asked, da.PICTURE.augmentation, steps=3, seed=2).run().image)


@each_case("recipe", da.SKETCH, da.PICTURE, da.BEST)
@each_case("spec, grows", (da.StackSpec(64, 48, margin=0), True), (da.StackSpec(64, 64, margin=0, tile=True), False))
def test_a_recipe_suits_any_margin_and_a_tile_and_goes_on_without_a_focus(
    spec: da.StackSpec, grows: bool, recipe: da.Recipe
) -> None:
    ascent = recipe.prepare(da.ImageStack.gray(spec), [toy_class()])
    assert (ascent.focus is not None) is grows
    assert recipe.prepare(next(iter(ascent)).stack, [toy_class()]).focus is None


@each_case(("recipe", "views"), (da.SKETCH, 12), (da.PICTURE, 24), (replace(da.PICTURE, augmentation=VIEWS), 6))
def test_a_film_has_views_for_its_frames(recipe: da.Recipe, views: int) -> None:
    suited = suit_film(recipe)
    assert suited.augmentation.views == views
    assert replace(suited, augmentation=recipe.augmentation) == recipe
    many = replace(recipe, augmentation=replace(recipe.augmentation, views=40))
    assert suit_film(many) == many


def test_a_zoom_has_wide_views_for_every_depth_and_a_wide_focus() -> None:
    suited = suit_zoom(da.SKETCH, 5)
    windows = replace(da.SKETCH.augmentation.windows, zoom_min=0.8)
    assert suited.augmentation == replace(da.SKETCH.augmentation, views=20, windows=windows)
    assert suited.focus == da.ascent.Focus(start=0.6, end=3.0)
    assert replace(suited, augmentation=da.SKETCH.augmentation, focus="auto") == da.SKETCH
    # A focus that is chosen and one that has opened stay.
    assert suit_zoom(replace(da.SKETCH, focus=None), 5).focus is None
    assert suit_zoom(da.SKETCH, 5, climbed=True).focus == "auto"


def test_a_recipe_suits_the_stack_that_is_connected() -> None:
    stack = da.ImageStack.gray(SPEC)
    assert suit_stack(da.PICTURE, stack) == da.PICTURE
    assert suit_stack(da.PICTURE, da.stack.as_film(stack, da.stack.Time(3))) == suit_film(da.PICTURE)
    assert suit_stack(da.PICTURE, da.stack.as_zoom(stack, da.stack.Zoom(3))) == suit_zoom(da.PICTURE, 3)
    tile = suit_stack(da.PICTURE, da.ImageStack.gray(da.StackSpec(48, 48, 0, tile=True))).augmentation
    assert tile.windows == replace(da.PICTURE.augmentation.windows, zoom_min=0.2)
    assert not any(isinstance(one, da.views.Distance) for one in tile.transforms)
    photograph = torch.rand(1, 3, SPEC.height, SPEC.width)
    placed = stack.place_into(photograph, torch.ones(1, SPEC.height, SPEC.width))
    assert suit_stack(da.PICTURE, placed).denoising == da.ascent.Denoising(keep=0.03)
    assert suit_stack(da.STYLE, placed) == da.STYLE


BAD: dict[str, dict[str, Any]] = {
    "steps 0 is not a whole number from 1 to 100000; 60 make a good picture": {"steps": 0},
    "steps 9223372036854775808 is not a whole number from 1 to": {"steps": 2**63},
    "seed 1.5 is not a whole number from 0 up": {"seed": 1.5},
    "chunk -2 is not a whole number from 0 up; 0 suits the device": {"chunk": -2},
    "schedule '0.5' is unknown; choose one of constant, cosine": {"schedule": 0.5},
    # Long before the ascent comes there.
    r"returns 1\.25 at a progress of 0\.625": {"schedule": lambda progress: 2 * progress, "steps": 9},
}


@each_case("says, bad", *BAD.items())
def test_a_setting_that_cannot_be_is_named(says: str, bad: dict[str, Any]) -> None:
    good: dict[str, Any] = {"steps": 1, "schedule": "cosine", "seed": 0, "chunk": 0}
    check_settings(**good)
    with pytest.raises(ValueError, match=says):
        check_settings(**(good | bad))


@each_case(
    ("part", "given", "says"),
    ("optimizer", torch.optim.Adam, r"optimizer the class Adam is no instance of Optimizer; give one, such as Norm"),
    ("optimizer", da.ascent.Adam, "optimizer the class Adam is no instance"),
    ("optimizer", "adam", "optimizer 'adam' is no instance"),
    ("augmentation", 16, r"augmentation 16 is no instance of Augmentation; give one, such as Augmentation\(16\)"),
    ("augmentation", "auto", "augmentation 'auto' is no instance"),
    ("focus", (0.5, 0.5), r"focus \(0.5, 0.5\) is no instance of Focus"),
    ("denoising", 0.3, "denoising 0.3 is no instance of Denoising"),
)
def test_a_part_of_another_kind_is_named(part: str, given: Any, says: str) -> None:
    for make in (da.Recipe, partial(da.Ascent, da.ImageStack.gray(SPEC), toy_class())):
        with pytest.raises(ValueError, match=says):
            make(**{part: given})
    with pytest.raises(ValueError, match="within '8/255' is no instance of Within; give one, such as 8/255"):
        da.Ascent(da.ImageStack.gray(SPEC), toy_class(), within="8/255")  # type: ignore[arg-type]


def test_a_new_picture_grows_and_a_tile_and_an_old_one_do_not() -> None:
    new, old = da.ImageStack.gray(SPEC), climb(steps=1).stack
    tile = da.ImageStack.gray(da.StackSpec(32, 32, 0, tile=True))
    assert [choose_focus("auto", stack) for stack in (new, tile, old)] == [da.ascent.Focus(), None, None]
    chosen = da.ascent.Focus(0.5, 1.0, 0.2)
    assert choose_focus(chosen, old) is chosen
    assert choose_focus(None, new) is None
    with pytest.raises(ValueError, match="a tile has no centre"):
        choose_focus(chosen, tile)
    with pytest.raises(ValueError, match="focus 'center' is unknown"):
        choose_focus("center", new)  # type: ignore[arg-type]


def test_a_new_stack_starts_from_its_canvas_and_one_that_has_moved_keeps_its_start() -> None:
    paler = da.ImageStack.from_image(SPEC, torch.rand(1, 3, 32, 32), contrast=0.5)
    assert prepare_stack(paler, da.ascent.Adam()).start is paler.canvas
    moved = climb(steps=2).stack
    for optimizer in (da.ascent.NormalizedAscent(), da.ascent.SGD(), da.ascent.Adam()):
        assert prepare_stack(moved, optimizer) is moved
    with pytest.raises(ValueError, match=r"Adam moves every picture by itself and not a film"):
        prepare_stack(da.ImageStack.gray(replace(SPEC, time=da.stack.Time(3))), da.ascent.Adam())
