"""The nodes of views: what they append, in which order, and what is said of bad values."""

from dataclasses import replace
from typing import Any

from cases import each_case
from loaded_pack import Pack, refuse_all


def test_transforms_are_appended_in_the_order_of_the_links(pack: Pack) -> None:
    views = pack.augmentation(views=3, jitter=5, color_shift=0.2, grayscale=0.25)
    for node in ("DAS_ColorShift", "DAS_Perspective", "DAS_PatchMask"):
        (views,) = pack.run(node, augmentation=views)
    assert (views.views, views.windows.jitter) == (3, 5)
    names = [type(transform).__name__ for transform in views.transforms]
    assert names == ["Flip", "Grayscale", "Noise", "ColorShift", "Perspective", "PatchMask"]
    image = pack.optimize(augmentation=views)[0]
    assert tuple(image.shape) == (1, 64, 64, 3)


@each_case(
    ("node", "settings"),
    [
        ("ColorShift", {"shift": 0.3, "scale": 0.4, "per_channel": True}),
        ("ColorShift", {"shift": 0.0, "scale": 1.5, "per_channel": False}),
        ("Perspective", {"distortion": 0.2}),
        ("PatchMask", {"patches": 3, "size": 0.5, "fill": "gray"}),
    ],
)
def test_the_settings_of_a_transform_are_those_of_its_node(pack: Pack, node: str, settings: dict[str, Any]) -> None:
    (views,) = pack.run(f"DAS_{node}", **settings)
    assert views.transforms[-1] == getattr(pack.module("das_core"), node)(**settings)


@each_case("node", ["ColorShift", "Perspective", "PatchMask"])
def test_without_settings_a_transform_has_the_defaults_of_das_core(pack: Pack, node: str) -> None:
    (views,) = pack.run(f"DAS_{node}")
    before = pack.module("das_core").PICTURE.augmentation
    own = getattr(pack.module("das_core"), node)()
    # A shift of colours takes the place of that of the defaults.
    expected = (*(one for one in before.transforms if type(one) is not type(own)), own)
    # There is no widget of the jitter, so it fits every margin.
    fitted = replace(before.windows, fitted=True)
    assert (views.views, views.windows, views.transforms) == (before.views, fitted, expected)


test_what_cannot_be_is_refused = refuse_all(
    {r"fill 'noise' is unknown; choose one of mean, gray": lambda pack: pack.run("DAS_PatchMask", fill="noise")}
)
