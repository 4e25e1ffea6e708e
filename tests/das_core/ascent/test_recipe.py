"""Recipes: their settings reach the ascent, and the default is that of `Ascent`."""

from dataclasses import replace

import torch

from cases import each_case
from das_core.ascent.denoising import Denoising
from das_core.ascent.focus import Focus
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.recipe import BEST, PICTURE, SKETCH, Recipe, suit_film, suit_zoom
from das_core.ascent.sgd import SGD
from das_core.ascent.within import Within
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, toy_class

VIEWS = Augmentation(2, Windows(8))


def test_every_setting_reaches_the_ascent() -> None:
    recipe = Recipe(7, VIEWS, SGD(0.5), "constant", Focus(0.2, 0.9), Denoising(share=0.7))
    stack, device = ImageStack.gray(SPEC), torch.device("cpu")
    ascent = recipe.prepare(stack, [toy_class()], seed=5, chunk=3, device=device, within=0.5)
    assert (ascent.steps, ascent.augmentation, ascent.optimizer) == (7, VIEWS, SGD(0.5))
    assert (ascent.schedule, ascent.focus, ascent.denoising) == ("constant", Focus(0.2, 0.9), Denoising(share=0.7))
    assert (ascent.seed, ascent.chunk, ascent.device, ascent.within) == (5, 3, device, Within(0.5))


def test_a_picture_is_what_an_ascent_makes_by_default() -> None:
    stack, asked = ImageStack.gray(SPEC), [toy_class()]
    own = replace(PICTURE, steps=3).prepare(stack, asked, seed=2).run()
    assert torch.equal(own.image, Ascent(stack, asked, PICTURE.augmentation, steps=3, seed=2).run().image)


def test_more_work_goes_in_smaller_steps() -> None:
    recipes = (SKETCH, PICTURE, BEST)
    assert [recipe.steps * recipe.augmentation.views for recipe in recipes] == [224, 960, 3600]
    assert [recipe.denoising and recipe.denoising.share for recipe in recipes] == [0.3, 0.3, 0.12]
    optimizers = [NormalizedAscent(0.12, 0.5), NormalizedAscent(0.13, 0.3), NormalizedAscent(0.09, 0.0)]
    assert [recipe.optimizer for recipe in recipes] == optimizers


@each_case("spec, grows", [(StackSpec(64, 48, margin=0), True), (StackSpec(64, 64, margin=0, tile=True), False)])
def test_a_recipe_suits_any_margin_and_a_tile_and_goes_on_without_a_focus(spec: StackSpec, grows: bool) -> None:
    ascent = SKETCH.prepare(ImageStack.gray(spec), [toy_class()])
    assert (ascent.focus is not None) is grows
    assert SKETCH.prepare(next(iter(ascent)).stack, [toy_class()]).focus is None


@each_case(("recipe", "views"), [(SKETCH, 12), (PICTURE, 24), (replace(PICTURE, augmentation=VIEWS), 6)])
def test_a_film_has_views_for_its_frames(recipe: Recipe, views: int) -> None:
    suited = suit_film(recipe)
    assert suited.augmentation.views == views
    assert replace(suited, augmentation=recipe.augmentation) == recipe
    many = replace(recipe, augmentation=replace(recipe.augmentation, views=40))
    assert suit_film(many) == many


@each_case(
    "recipe, climbed, focus",
    [
        (PICTURE, False, Focus(start=0.6, end=3.0)),
        # A focus that is chosen and one that has opened stay.
        (replace(SKETCH, focus=None), False, None),
        (SKETCH, True, "auto"),
    ],
)
def test_a_zoom_has_wide_views_for_every_depth_and_a_wide_focus(
    recipe: Recipe, climbed: bool, focus: Focus | str | None
) -> None:
    # Not climbed is the default.
    suited = suit_zoom(recipe, 5, climbed=True) if climbed else suit_zoom(recipe, 5)
    windows = replace(recipe.augmentation.windows, zoom_min=0.8)
    views = 5 * recipe.augmentation.views
    assert suited.augmentation == replace(recipe.augmentation, views=views, windows=windows)
    assert suited.focus == focus
    assert replace(suited, augmentation=recipe.augmentation, focus=recipe.focus) == recipe
