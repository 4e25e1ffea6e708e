"""Augmentation: what its inputs make, how it goes on from another, and what is said of bad values."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cases import each_case
from loaded_pack import Pack, assert_refused


def test_the_defaults_of_the_page_are_those_of_das_core(pack: Pack) -> None:
    core = replace(pack.module("das_core").PICTURE.augmentation, windows=pack.module("das_core").Windows())
    fitted = replace(core, windows=replace(core.windows, fitted=True))
    assert pack.run("DAS_Augmentation")[0] == pack.run("DAS_Augmentation", details="default")[0] == fitted
    # Each by itself, a jitter that is larger than the margin is an error.
    assert pack.run("DAS_Augmentation", details="custom")[0] == core


def test_a_prompt_without_the_later_inputs_gets_views_as_before(pack: Pack) -> None:
    before = pack.run("DAS_Augmentation", jitter=56, color_shift=0.0, grayscale=0.0)
    assert pack.run("DAS_Augmentation", jitter=56) == before


def test_every_input_has_its_place(pack: Pack) -> None:
    inputs = {"views": 5, "jitter": 7, "zoom_min": 0.3, "zoom_max": 0.8, "zoom_start": 0.6}
    (made,) = pack.run(
        "DAS_Augmentation",
        **inputs,
        noise=0.2,
        noise_kind="uniform",
        flip=0.25,
        color_shift=0.3,
        grayscale=0.6,
        distance=0.4,
    )
    windows, (flip, far, colors, gray, noise) = made.windows, made.transforms
    assert (made.views, windows.jitter) == (5, 7)
    assert (windows.zoom_min, windows.zoom_max, windows.zoom_start) == (0.3, 0.8, 0.6)
    assert (colors.shift, colors.scale, colors.per_channel) == (0.3, 0.3, True)
    assert (gray.probability, far.probability) == (0.6, 0.4)
    assert (flip.probability, noise.amplitude, noise.kind) == (0.25, 0.2, "uniform")


def test_an_augmentation_goes_on_from_another(pack: Pack) -> None:
    before = pack.augmentation(views=2, noise=0.5, flip=0.0)
    both = pack.augmentation(views=3, zoom_min=0.3, augmentation=before)
    assert both.transforms == before.transforms + pack.augmentation(color_shift=0.0).transforms
    assert (both.views, both.windows.zoom_min) == (3, 0.3)


def test_an_augmentation_puts_what_comes_in_before_its_own(pack: Pack) -> None:
    (shifted,) = pack.run("DAS_ColorShift")
    assert [type(t).__name__ for t in shifted.transforms] == [
        "Flip",
        "Distance",
        "Grayscale",
        "Noise",
        "ColorShift",
    ]  # Not twice.
    assert shifted.windows.jitter == 56
    (views,) = pack.run("DAS_Augmentation", augmentation=shifted, jitter=9, grayscale=0.25)
    # The defaults that a node of a transform starts from do not act a second time.
    assert [type(t).__name__ for t in views.transforms] == ["ColorShift", "Flip", "Grayscale", "Noise"]
    assert views.windows.jitter == 9


def test_a_color_shift_of_0_is_none_and_so_is_a_grayscale_of_0(pack: Pack) -> None:
    plain = pack.augmentation(color_shift=0.0, grayscale=0.0)
    assert [type(t).__name__ for t in plain.transforms] == ["Flip", "Noise"]


def test_views_that_change_over_time_make_another_picture(pack: Pack) -> None:
    steady = pack.augmentation(noise=0.1)
    (again,) = pack.run("DAS_Augmentation", views=4, jitter=16, noise=0.1, over_time={"over_time": "constant"})
    assert steady == again
    ends = {"noise_end": 0.0, "jitter_end": 0, "zoom_min_end": 0.9, "curve": "cosine"}
    moving = pack.augmentation(noise=0.1, over_time={"over_time": "scheduled", **ends})
    assert moving.transforms[-1].amplitude_end == 0.0
    assert (moving.windows.jitter_end, moving.windows.zoom_min_end, moving.windows.curve) == (0, 0.9, "cosine")
    assert moving.transforms[-1].curve == "cosine"
    pictures = [pack.optimize(augmentation=views, steps=3)[0] for views in (steady, again, moving)]
    assert pictures[0].equal(pictures[1])
    assert not pictures[0].equal(pictures[2])


def scheduled(pack: Pack, ends: dict[str, Any], **inputs: Any) -> Any:
    return pack.augmentation(over_time={"over_time": "scheduled"} | ends, **inputs)


BAD: dict[str, Callable[[Pack], object]] = {
    r"zoom_min 0.9 is above zoom_max 0.5.*lower zoom_min or raise zoom_max": (
        lambda pack: pack.augmentation(zoom_min=0.9, zoom_max=0.5)
    ),
    r"noise nan .* 0.05": lambda pack: pack.augmentation(noise=math.nan),
    r"over_time is missing or unknown; choose constant or scheduled": lambda pack: pack.augmentation(over_time="later"),
    r"zoom_min_end 0.9 is above zoom_max 0.5": lambda pack: scheduled(
        pack, {"zoom_min_end": 0.9}, zoom_min=0.4, zoom_max=0.5
    ),
    r"curve 'wave' is unknown; choose one of linear": lambda pack: scheduled(pack, {"curve": "wave"}),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
