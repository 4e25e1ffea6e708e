"""The inputs of Image Stack that choose its levels and its start."""

from typing import Any

import torch

from cases import each_case
from loaded_pack import Pack, refuse_all


@each_case(
    ("choice", "levels"),
    [
        ({"parametrization": "multiples_of_4"}, tuple(range(4, 101, 4))),
        ({"parametrization": "linear", "step": 32}, (1, 33, 65, 97)),
        ({"parametrization": "custom", "resolutions": " 1, 7,100"}, (1, 7, 100)),
    ],
)
def test_a_choice_of_levels_becomes_resolutions(pack: Pack, choice: dict[str, Any], levels: tuple[int, ...]) -> None:
    assert pack.module("nodes.stack.stack_inputs").choose_parametrization(choice, 100) == (levels, "pyramid")


@each_case("other", ["pixels", "fourier", "maco"])
def test_other_things_move_where_they_are_chosen(pack: Pack, other: str) -> None:
    stack = pack.stack(
        start={"start": "noise", "amplitude": 1.0, "decay": 0.7}, parametrization={"parametrization": other}
    )
    assert stack.spec.parametrization == other
    # What nodes that show and edit levels take it apart into.
    assert stack.spec.levels[:3] == (4, 8, 12)


def test_levels_are_those_of_the_canvas_with_its_margins(pack: Pack) -> None:
    levels = {"parametrization": "multiples_of_4"}
    sizes: list[dict[str, Any]] = [{"width": 128, "margin": 20}, {"height": 200, "margin": 0}]
    wide, high = (pack.stack(**size, parametrization=levels) for size in sizes)
    assert (wide.spec.levels[-1], high.spec.levels[-1]) == (168, 200)


def test_default_is_what_custom_begins_with(pack: Pack) -> None:
    small = {"width": 64, "height": 48}
    plain, custom = (pack.run("DAS_ImageStack", **small, details=details)[0] for details in ("default", "custom"))
    assert plain.spec == custom.spec
    assert pack.run("DAS_ImageStack", details="default")[0].spec == pack.module("das_core").StackSpec()


def test_every_setting_reaches_the_stack(pack: Pack) -> None:
    spec = pack.stack(
        margin=8, color="rgb", method="layers", parametrization={"parametrization": "custom", "resolutions": "1, 5"}
    ).spec
    assert (spec.margin, spec.color, spec.method, spec.levels) == (8, "rgb", "layers", (1, 5))
    assert pack.stack(tile=True).spec.tile
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    hard, soft = (pack.stack(image=torch.rand(1, 64, 64, 3), mask=mask, feather=feather) for feather in (0, 8))
    assert not torch.equal(hard.surroundings.mask, soft.surroundings.mask)


test_what_cannot_be_is_refused = refuse_all(
    {
        r"level 'many' is not a whole number.*such as": lambda pack: pack.stack(
            parametrization={"parametrization": "custom", "resolutions": "1, many"}
        ),
        r"step 97 is not between 1 and 96": lambda pack: pack.stack(
            parametrization={"parametrization": "linear", "step": 97}
        ),
        r"parametrization is missing or unknown; choose multiples_of_4, linear, custom, pixels": lambda pack: (
            pack.stack(parametrization="octaves")
        ),
        r"details 'many' is unknown; choose default or custom": lambda pack: pack.run("DAS_ImageStack", details="many"),
        r"start 'black' is unknown; choose gray, noise or image": lambda pack: pack.stack(start={"start": "black"}),
        r"a mask is connected but no image: connect the image": lambda pack: pack.stack(mask=torch.ones(1, 9, 9)),
        r"start is 'image' but no image is connected: connect one": lambda pack: pack.stack(start={"start": "image"}),
        r"an image is connected but start is 'gray'.* set start to 'image'": lambda pack: pack.stack(
            image=torch.rand(1, 9, 9, 3)
        ),
        r"size is 'image' but no image is connected: connect one, or set size": lambda pack: pack.stack(size="image"),
        r"size 'photo' is unknown; choose given, image or image_within": lambda pack: pack.stack(size="photo"),
    }
)
