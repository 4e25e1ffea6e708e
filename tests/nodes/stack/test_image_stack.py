"""Image Stack: its levels, what a stack starts from, what a mask keeps, and what is said of what does not do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, assert_is_free, assert_is_image, refuse_all


@pytest.fixture
def image() -> Tensor:
    with torch.inference_mode():
        return torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))


@each_case(
    ("width", "size", "expected"),
    (96, "given", (64, 64)),
    (96, "image", (96, 40)),
    (96, "image_within", (64, 27)),
    # An image is not enlarged to the size it has to fit into.
    (32, "image_within", (32, 40)),
)
def test_the_size_is_given_or_that_of_the_image(pack: Pack, width: int, size: str, expected: tuple[int, int]) -> None:
    photo = torch.rand(1, 40, width, 3, generator=torch.Generator().manual_seed(1))
    spec = pack.stack(start={"start": "image", "contrast": 0.9}, image=photo, size=size).spec
    assert (spec.width, spec.height) == expected


def test_a_start_image_is_shown_as_it_was(pack: Pack) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 8, 8, 3).repeat_interleave(8, 1).repeat_interleave(8, 2)
    kept = image.clone()
    for contrast in (1.0, 0.5):
        stack = pack.stack(start={"start": "image", "contrast": contrast}, image=image)
        assert (stack.optimizer_state, stack.surroundings) == (None, None)
        assert_is_free(stack.start)
        assert_is_free(stack.canvas)
        expected = 0.5 + (image - 0.5) * contrast
        torch.testing.assert_close(pack.run("DAS_StackToImage", stack=stack)[0], expected, atol=3e-3, rtol=0)
    pack.optimize(stack=stack)
    assert torch.equal(image, kept)
    # A margin is widened until the canvas transforms fast: 542 = 2 x 271, 546 = 2 x 3 x 7 x 13.
    assert pack.stack(width=512, height=64, margin=15).spec.canvas == (98, 546)


def test_noise_belongs_to_the_seed(pack: Pack) -> None:
    def noise(seed: int, amplitude: float) -> Tensor:
        canvas: Tensor = pack.stack(start={"start": "noise", "amplitude": amplitude}, seed=seed).canvas
        return canvas

    assert torch.equal(noise(1, 0.3), noise(1, 0.3))
    assert not torch.equal(noise(2, 0.3), noise(1, 0.3))
    assert noise(1, 0.1).std() < noise(1, 0.3).std() / 2


def test_a_tile_has_no_margin_whatever_its_widget_says(pack: Pack) -> None:
    stack = pack.stack(tile=True, height=48)
    assert (stack.spec.margin, stack.spec.tile) == (0, True)
    assert_is_image(pack.optimize(stack=stack, steps=1)[0], 1, 48, 64)


@each_case(("start", "feather"), ("image", 0), ("noise", 8), ("gray", 0))
def test_what_lies_outside_the_mask_leaves_as_it_came(pack: Pack, image: Tensor, start: str, feather: int) -> None:
    with torch.inference_mode():
        mask = torch.zeros(1, 64, 64)
        mask[:, 16:48, 16:48] = 1
    stack = pack.stack(image=image, mask=mask, feather=feather, start={"start": start})
    made, after, frames, _, importance = pack.optimize(stack=stack, frame_every=1)
    outside = mask[0] == 0
    for shown in (made, frames[:1], pack.run("DAS_StackToImage", stack=after)[0]):
        assert torch.equal(shown[0][outside], image[0][outside])
        assert not torch.equal(shown[0], image[0])
    # No gradient reached what must stay.
    assert not importance[0][outside].any()


@each_case("more", "images", "masks")
def test_start_images_and_masks_make_the_batch(pack: Pack, set_free_memory: Callable[[int], None], more: str) -> None:
    def start(count: int) -> Any:
        if more == "images":
            return pack.stack(start={"start": "image"}, image=torch.rand(count, 9, 20, 3))
        return pack.stack(image=torch.rand(1, 64, 64, 3), mask=torch.ones(count, 9, 9))

    estimate = pack.module("das_core.ascent.memory").estimate_ascent_bytes
    set_free_memory(estimate(pack.stack().spec, 2))
    assert start(2).batch == 2
    with pytest.raises(ValueError, match=r"an ascent of 3 x 64 x 64 with a margin of 16 needs about"):
        start(3)


@each_case(
    ("choice", "levels"),
    ({"parametrization": "multiples_of_4"}, tuple(range(4, 101, 4))),
    ({"parametrization": "linear", "step": 32}, (1, 33, 65, 97)),
)
def test_a_choice_of_levels_becomes_resolutions(pack: Pack, choice: dict[str, Any], levels: tuple[int, ...]) -> None:
    assert pack.module("nodes.stack.stack_inputs").choose_parametrization(choice, 100) == (levels, "pyramid")


@each_case("other", "pixels", "fourier")
def test_other_things_move_where_they_are_chosen(pack: Pack, other: str) -> None:
    stack = pack.stack(start={"start": "noise"}, parametrization={"parametrization": other})
    assert stack.spec.parametrization == other
    # What nodes that show and edit levels take it apart into.
    assert stack.spec.levels[:3] == (4, 8, 12)


def test_default_is_what_custom_begins_with(pack: Pack) -> None:
    small = {"width": 64, "height": 48}
    plain, custom = (pack.run("DAS_ImageStack", **small, details=details)[0] for details in ("default", "custom"))
    assert plain.spec == custom.spec
    assert pack.run("DAS_ImageStack", details="default")[0].spec == pack.module("das_core.stack").StackSpec()


def test_every_setting_reaches_the_stack(pack: Pack) -> None:
    levels = {"parametrization": "linear", "step": 50}
    spec = pack.stack(margin=8, color="rgb", method="layers", parametrization=levels).spec
    assert (spec.margin, spec.color, spec.method, spec.levels) == (8, "rgb", "layers", (1, 51))
    assert pack.stack(tile=True).spec.tile
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1
    hard, soft = (pack.stack(image=torch.rand(1, 64, 64, 3), mask=mask, feather=feather) for feather in (0, 8))
    assert not torch.equal(hard.surroundings.mask, soft.surroundings.mask)


def choose(pack: Pack, option: str, **settings: Any) -> Any:
    return pack.stack(parametrization={"parametrization": option, **settings})


test_what_cannot_be_is_refused = refuse_all(
    {
        r"64 x 16384 x 16384 .* needs about .* are free: make width, height, margin or batch_size smaller": (
            lambda pack: pack.stack(width=16384, height=16384, batch_size=64)
        ),
        r"parametrization is missing or unknown; choose multiples_of_4, linear": lambda pack: choose(pack, "octaves"),
        r"details 'many' is unknown; choose default or custom": lambda pack: pack.run("DAS_ImageStack", details="many"),
        r"start 'black' is unknown; choose gray, noise or image": lambda pack: pack.stack(start={"start": "black"}),
        r"a mask is connected but no image: connect the image": lambda pack: pack.stack(mask=torch.ones(1, 9, 9)),
        r"start is 'image' but no image is connected: connect one": lambda pack: pack.stack(start={"start": "image"}),
        r"an image is connected but start is 'gray'.* set start": lambda pack: pack.stack(image=torch.rand(1, 9, 9, 3)),
        r"size is 'image' but no image is connected: connect one, or set size": lambda pack: pack.stack(size="image"),
        r"size 'photo' is unknown; choose one of given, image, image_within": lambda pack: pack.stack(size="photo"),
    }
)
