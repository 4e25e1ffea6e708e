"""The inputs recipe, optimizer and denoise of Optimize: what their choices are, and that custom begins with picture."""

from dataclasses import asdict, replace
from typing import Any

from cases import each_case
from loaded_pack import Pack, refuse_all


def read(pack: Pack, choice: Any) -> Any:
    core = pack.module("das_core.stack")
    return pack.module("nodes.ascent.recipe").read_recipe(choice, core.ImageStack.gray(core.StackSpec()))


@each_case("name", "picture", "sketch", "best", "style", "dream")
def test_the_choices_are_the_recipes_of_das_core(pack: Pack, name: str) -> None:
    settings = read(pack, {"recipe": name})
    assert settings.recipe == getattr(pack.module("das_core.ascent"), name.upper())
    assert (settings.preview_every, settings.frame_every, settings.chunk) == (5, 0, 0)
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
    picture = pack.module("das_core.ascent").PICTURE
    # auto is this focus but for tiles and stacks that have climbed.
    assert settings == module.Settings(replace(picture, focus=pack.module("das_core.ascent").Focus()))


def test_the_choices_of_focus_are_a_focus_or_none(pack: Pack) -> None:
    read_focus = pack.module("nodes.ascent.recipe").read_focus
    chosen = {"focus": "center", "start_width": 0.2, "end_width": 3.0, "opening": 0.5}
    assert read_focus(chosen) == pack.module("das_core.ascent").Focus(0.2, 3.0, 0.5)
    assert read_focus({"focus": "everywhere"}) is None


def test_the_options_and_their_defaults_are_those_of_the_optimizers(pack: Pack) -> None:
    module = pack.module("nodes.ascent.optimizers")
    options = module.optimizer_input().options
    assert [option.key for option in options] == ["ascent", "sgd", "adam"]
    for option in options:
        widgets = {widget.id: widget.default for widget in option.inputs}
        defaults = asdict(module.read_optimizer({"optimizer": option.key} | widgets))
        assert widgets == {name: defaults[name] for name in widgets}
        assert module.read_optimizer({"optimizer": option.key} | widgets) == module._OPTIMIZERS[option.key]()


def test_on_is_total_variation_and_off_is_none(pack: Pack) -> None:
    core = pack.module("das_core.ascent")
    settings = {"strength": 0.1, "end_strength": 0.05, "blend": 0.5, "keep": 0.03}
    read_denoising = pack.module("nodes.ascent.denoising").read_denoising
    assert read_denoising({"denoise": "on", **settings}) == core.Denoising(core.TotalVariation(), 0.1, 0.05, 0.5, 0.03)
    assert read_denoising({"denoise": "off"}) is None


test_what_cannot_be_is_refused = refuse_all(
    {
        r"recipe 'soup' is unknown; choose picture, sketch, best, feature, style, dream or custom": (
            lambda pack: read(pack, "soup")
        ),
        r"recipe is missing or unknown; choose picture": lambda pack: read(pack, None),
        r"focus is missing or unknown; choose center or everywhere": lambda pack: pack.optimize(focus={"focus": "up"}),
        r"denoise is missing or unknown; choose on or off": lambda pack: pack.optimize(denoise={"denoise": "oil"}),
        r"optimizer is missing .*; choose ascent, sgd": lambda pack: pack.optimize(optimizer={"optimizer": "x"}),
    }
)
