"""The input details of Augmentation: default suits any margin, and what comes before stays."""

from collections.abc import Callable
from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused


def read(pack: Pack, choice: Any, *arguments: Any) -> Any:
    return pack.module("nodes.views.details").read_details(choice, 0.45, 0.5, *arguments)


def test_default_suits_a_margin_that_is_smaller_than_the_jitter(pack: Pack) -> None:
    views = pack.run("DAS_Augmentation", views=2)[0]
    assert pack.optimize(stack=pack.stack(margin=8), augmentation=views, steps=1)[0].shape == (1, 64, 64, 3)


def test_default_and_custom_have_the_same_values(pack: Pack) -> None:
    windows, transforms = read(pack, "default")
    custom = pack.run("DAS_Augmentation", details="custom")[0]
    assert transforms == custom.transforms
    assert vars(windows) == vars(custom.windows) | {"fitted": True}


def test_a_color_shift_that_comes_in_takes_the_place_of_the_default(pack: Pack) -> None:
    core = pack.module("das_core")
    before = (core.ColorShift(0.4, 0.4),)
    _, transforms = read(pack, "default", before)
    assert transforms == (*before, core.Flip(0.5), core.Distance(), core.Grayscale(), core.Noise())


BAD: dict[str, Callable[[Pack], object]] = {
    r"details 'many' is unknown; choose default or custom": lambda pack: read(pack, {"details": "many"}),
    r"details is missing or unknown; choose default": lambda pack: read(pack, None),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
