"""The inputs of Image Stack that choose its levels and its start."""

from collections.abc import Callable
from typing import Any

import torch

from cases import each_case
from loaded_pack import Pack, assert_refused


@each_case(
    ("choice", "levels"),
    [
        ({"levels": "multiples_of_4"}, tuple(range(4, 101, 4))),
        ({"levels": "linear", "step": 32}, (1, 33, 65, 97)),
        ({"levels": "powers_of_two"}, (1, 2, 4, 8, 16, 32, 64, 100)),
        ({"levels": "custom", "resolutions": " 1, 7,100"}, (1, 7, 100)),
    ],
)
def test_a_choice_of_levels_becomes_resolutions(pack: Pack, choice: dict[str, Any], levels: tuple[int, ...]) -> None:
    assert pack.module("nodes.stack.stack_inputs").choose_levels(choice, 100) == (levels, "pyramid")


@each_case("other", ["pixels", "fourier", "maco"])
def test_other_things_move_where_they_are_chosen(pack: Pack, other: str) -> None:
    stack = pack.stack(start={"start": "noise", "amplitude": 1.0, "decay": 0.7}, levels={"levels": other})
    assert stack.spec.parametrization == other
    # What nodes that show and edit levels take it apart into.
    assert stack.spec.levels[:3] == (4, 8, 12)


def test_levels_are_those_of_the_canvas_with_its_margins(pack: Pack) -> None:
    wide, high = pack.stack(width=128, margin=20), pack.stack(height=200, margin=0)
    assert (wide.spec.levels[-1], high.spec.levels[-1]) == (168, 200)


def test_the_options_are_those_that_the_node_reads(pack: Pack) -> None:
    inputs = pack.module("nodes.stack.stack_inputs")
    for option in inputs.levels_input().options:
        defaults = {widget.id: widget.default for widget in option.inputs}
        assert inputs.choose_levels({"levels": option.key, **defaults}, 224)
    image = torch.rand(1, 9, 9, 3)
    for option in inputs.start_input().options:
        connected = {"image": image} if option.key == "image" else {}
        assert pack.stack(start={"start": option.key}, **connected).batch == 1


def custom(resolutions: str) -> dict[str, str]:
    return {"levels": "custom", "resolutions": resolutions}


BAD: dict[str, Callable[[Pack], object]] = {
    r"list of levels is empty.*such as": lambda pack: pack.stack(levels=custom(" , ")),
    r"level 'many' is not a whole number.*such as": lambda pack: pack.stack(levels=custom("1, many")),
    r"level 97 is not a whole number from 1 to 96": lambda pack: pack.stack(levels=custom("1, 97")),
    r"level 0 is not a whole number from 1 to 96": lambda pack: pack.stack(levels=custom("0, 4")),
    r"step 97 is not between 1 and 96": lambda pack: pack.stack(levels={"levels": "linear", "step": 97}),
    r"levels is missing or unknown; choose multiples_of_4, linear, powers_of_two, custom, pixels, fo": lambda pack: (
        pack.stack(levels="octaves")
    ),
    r"a mask is connected but no image: connect the image": lambda pack: pack.stack(mask=torch.ones(1, 9, 9)),
    r"start is 'image' but no image is connected: connect one": lambda pack: pack.stack(start={"start": "image"}),
    r"an image is connected but start is 'gray'.* set start to 'image'": (
        lambda pack: pack.stack(image=torch.rand(1, 9, 9, 3))
    ),
    r"an image is connected but start is 'noise'.* set start to 'image'": (
        lambda pack: pack.stack(image=torch.rand(1, 9, 9, 3), start={"start": "noise"})
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)


@each_case("kind", ["gray", "noise", "image"])
def test_an_image_goes_with_every_start_when_a_mask_is_there(pack: Pack, kind: str) -> None:
    check_start = pack.module("nodes.stack.stack_inputs").check_start
    check_start(kind, image=True, mask=True)
    check_start(kind, image=kind == "image", mask=False)
