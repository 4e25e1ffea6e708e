"""The input recipe of Optimize: what its choices are, and that custom begins with picture."""

from dataclasses import replace
from typing import Any

from cases import each_case
from loaded_pack import Pack, refuse_all


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


def test_a_connected_denoiser_takes_the_place_of_the_recipes(pack: Pack) -> None:
    other = pack.module("das_core").TotalVariation(9)
    recipe = read(pack, {"recipe": "sketch"}, other).recipe
    assert recipe.denoising == replace(pack.module("das_core").SKETCH.denoising, denoiser=other)


def read_focus(pack: Pack, choice: Any) -> Any:
    return pack.module("nodes.ascent.recipe").read_focus(choice)


def test_the_choices_of_focus_are_a_focus_or_none(pack: Pack) -> None:
    focus = pack.module("das_core.ascent.focus").Focus
    chosen = {"focus": "center", "start": 0.2, "end": 3.0, "share": 0.5, "emphasis": 0.7}
    assert read_focus(pack, chosen) == focus(0.2, 3.0, 0.5, 0.7)
    assert read_focus(pack, {"focus": "everywhere"}) is None


test_what_cannot_be_is_refused = refuse_all(
    {
        r"recipe 'soup' is unknown; choose picture, sketch, best or custom": lambda pack: read(
            pack, {"recipe": "soup"}
        ),
        r"recipe is missing or unknown; choose picture": lambda pack: read(pack, None),
        r"focus is missing or unknown; choose center or everywhere": lambda pack: pack.optimize(
            focus={"focus": "corner"}
        ),
    }
)
