"""Recipes: their settings reach the ascent, and the default is that of `Ascent`."""

from dataclasses import replace

import torch

import das_core as da
from cases import each_case
from das_core.ascent.recipe import suit_film, suit_zoom
from toys import SPEC, toy_class

VIEWS = da.Augmentation(2, da.Windows(8))


def test_every_setting_reaches_the_ascent() -> None:
    recipe = da.Recipe(7, VIEWS, da.SGD(0.5), "constant", da.Focus(0.2, 0.9), da.Denoising(share=0.7))
    stack, device = da.ImageStack.gray(SPEC), torch.device("cpu")
    ascent = recipe.prepare(stack, [toy_class()], seed=5, chunk=3, device=device, within=0.5)
    assert (ascent.steps, ascent.augmentation, ascent.optimizer) == (7, VIEWS, da.SGD(0.5))
    assert (ascent.schedule, ascent.focus, ascent.denoising) == (
        "constant",
        da.Focus(0.2, 0.9),
        da.Denoising(share=0.7),
    )
    assert (ascent.seed, ascent.chunk, ascent.device, ascent.within) == (5, 3, device, da.Within(0.5))


def test_a_picture_is_what_an_ascent_makes_by_default() -> None:
    stack, asked = da.ImageStack.gray(SPEC), [toy_class()]
    own = replace(da.PICTURE, steps=3).prepare(stack, asked, seed=2).run()
    assert torch.equal(own.image, da.Ascent(stack, asked, da.PICTURE.augmentation, steps=3, seed=2).run().image)


def test_more_work_goes_in_smaller_steps() -> None:
    recipes = (da.SKETCH, da.PICTURE, da.BEST)
    assert [recipe.steps * recipe.augmentation.views for recipe in recipes] == [224, 960, 3600]
    assert [recipe.denoising and recipe.denoising.share for recipe in recipes] == [0.3, 0.3, 0.12]
    optimizers = [da.NormalizedAscent(0.12, 0.5), da.NormalizedAscent(0.13, 0.3), da.NormalizedAscent(0.09, 0.0)]
    assert [recipe.optimizer for recipe in recipes] == optimizers


@each_case("spec, grows", [(da.StackSpec(64, 48, margin=0), True), (da.StackSpec(64, 64, margin=0, tile=True), False)])
def test_a_recipe_suits_any_margin_and_a_tile_and_goes_on_without_a_focus(spec: da.StackSpec, grows: bool) -> None:
    ascent = da.SKETCH.prepare(da.ImageStack.gray(spec), [toy_class()])
    assert (ascent.focus is not None) is grows
    assert da.SKETCH.prepare(next(iter(ascent)).stack, [toy_class()]).focus is None


@each_case(("recipe", "views"), [(da.SKETCH, 12), (da.PICTURE, 24), (replace(da.PICTURE, augmentation=VIEWS), 6)])
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
    assert suited.focus == da.Focus(start=0.6, end=3.0)
    assert replace(suited, augmentation=da.SKETCH.augmentation, focus="auto") == da.SKETCH
    # A focus that is chosen and one that has opened stay.
    assert suit_zoom(replace(da.SKETCH, focus=None), 5).focus is None
    assert suit_zoom(da.SKETCH, 5, climbed=True).focus == "auto"
