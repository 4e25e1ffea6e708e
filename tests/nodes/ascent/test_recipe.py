"""The input recipe of Optimize: what its choices are, and that custom begins with picture."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_refused


def read(pack: Pack, *arguments: Any) -> Any:
    return pack.module("nodes.ascent.recipe").read_recipe(*arguments)


@each_case("name", ["picture", "sketch", "best"])
def test_the_choices_are_the_recipes_of_das_core(pack: Pack, name: str) -> None:
    settings = read(pack, {"recipe": name})
    assert settings.recipe == getattr(pack.module("das_core"), name.upper())
    assert (settings.preview_every, settings.frames, settings.chunk) == (5, 0, 0)
    assert read(pack, name) == settings


def test_custom_begins_with_the_settings_of_picture(pack: Pack) -> None:
    def defaults(inputs: list[Any]) -> dict[str, Any]:
        """The values that the page puts into widgets, as `execute` receives them."""
        values = {}
        for item in inputs:
            if isinstance(item, io.DynamicCombo.Input):
                first = item.options[0]
                values[item.id] = {item.id: first.key} | defaults(first.inputs)
            else:
                values[item.id] = item.default
        return values

    module = pack.module("nodes.ascent.recipe")
    io = module.io
    (custom,) = (option for option in module.recipe_input().options if option.key == "custom")
    settings = read(pack, {"recipe": "custom"} | defaults(custom.inputs))
    picture = pack.module("das_core").PICTURE
    # auto is this focus but for tiles and stacks that have climbed.
    assert settings == module.Settings(replace(picture, focus=pack.module("das_core").Focus()))


def test_a_custom_picture_is_that_of_the_recipe(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = pack.module("nodes.ascent.recipe").RECIPES
    monkeypatch.setitem(recipes, "picture", replace(recipes["picture"], steps=3))
    asked = {"objective0": pack.objective()}
    picture = pack.run("DAS_Optimize", stack=pack.stack(), objectives=asked, recipe="picture")
    steps = {"steps": 3, "augmentation": None}
    steps |= {"optimizer": {"optimizer": "ascent", "step_size": 0.13, "momentum": 0.3, "tilt": 0.4}}
    whole = {"focus": {"focus": "center", "emphasis": 1.0}, "denoise": {"denoise": "on", "share": 0.3}}
    views = pack.run("DAS_Augmentation")[0]
    assert torch.equal(pack.optimize(**(steps | whole | {"augmentation": views}))[0], picture[0])


def test_a_connected_denoiser_takes_the_place_of_the_recipes(pack: Pack) -> None:
    other = pack.module("das_core").TotalVariation(9)
    recipe = read(pack, {"recipe": "sketch"}, other).recipe
    assert recipe.denoising == replace(pack.module("das_core").SKETCH.denoising, denoiser=other)


def test_a_tile_and_a_stack_that_goes_on_take_any_recipe(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = pack.module("nodes.ascent.recipe").RECIPES
    monkeypatch.setitem(recipes, "picture", replace(recipes["picture"], steps=2))
    asked = {"objective0": pack.objective()}
    for stack in (pack.stack(margin=0, tile=True), pack.optimize(steps=1)[1]):
        image, *_ = pack.run("DAS_Optimize", stack=stack, objectives=asked, recipe="picture")
        assert image.shape == (1, 64, 64, 3)


BAD: dict[str, Callable[[Pack], object]] = {
    r"recipe 'soup' is unknown; choose picture, sketch, best or custom": lambda pack: read(pack, {"recipe": "soup"}),
    r"recipe is missing or unknown; choose picture": lambda pack: read(pack, None),
    r"schedule 'linear' is unknown": lambda pack: pack.optimize(schedule="linear"),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
