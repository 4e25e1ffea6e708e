"""Image Stack: what a stack starts from, what a mask keeps, and what is said of sizes and images that do not do."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, assert_is_free, assert_is_image, assert_refused, make_holed_image


@pytest.fixture
def image() -> Tensor:
    with torch.inference_mode():
        return torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))


def block(begin: int = 16, end: int = 48) -> Tensor:
    """A mask with a white square, as another node makes it."""
    with torch.inference_mode():
        mask = torch.zeros(1, 64, 64)
        mask[:, begin:end, begin:end] = 1
        return mask


@each_case("start", [{"start": "gray"}, {"start": "noise"}, {"start": "image"}])
def test_a_new_stack_is_free_of_inference_mode(pack: Pack, start: dict[str, str]) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 30, 40, 3)
    stack = pack.stack(start=start, image=image if start["start"] == "image" else None)
    assert (stack.parameters, stack.optimizer_state) == (None, None)
    for tensor in (stack.start, stack.canvas):
        assert_is_free(tensor)


def test_sizes_levels_colours_and_method_are_those_that_are_given(pack: Pack) -> None:
    stack = pack.run(
        "DAS_ImageStack",
        width=48,
        height=32,
        margin=8,
        levels={"levels": "custom", "resolutions": "1, 8, 64"},
        color="rgb",
        method="layers",
        batch_size=2,
    )[0]
    spec = stack.spec
    assert (spec.width, spec.height, spec.margin, spec.levels) == (48, 32, 8, (1, 8, 64))
    assert (spec.color, spec.method, spec.tile, stack.batch) == ("rgb", "layers", False, 2)


def test_a_margin_is_widened_until_the_canvas_transforms_fast(pack: Pack) -> None:
    stack = pack.stack(width=512, height=64, margin=15)  # 542 = 2 x 271
    assert (stack.spec.margin, stack.spec.canvas) == (17, (98, 546))  # 2 x 7 x 7, 2 x 3 x 7 x 13


@each_case(
    ("width", "size", "expected"),
    [
        (96, "given", (64, 64)),
        (96, "image", (96, 40)),
        (96, "image_within", (64, 27)),
        # An image is not enlarged to the size it has to fit into.
        (32, "image_within", (32, 40)),
    ],
)
def test_the_size_is_that_which_is_given_or_that_of_the_image(
    pack: Pack, width: int, size: str, expected: tuple[int, int]
) -> None:
    photo = torch.rand(1, 40, width, 3, generator=torch.Generator().manual_seed(1))
    spec = pack.stack(start={"start": "image", "contrast": 0.9}, image=photo, size=size).spec
    assert (spec.width, spec.height) == expected


def test_a_start_image_is_shown_as_it_was(pack: Pack) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 8, 8, 3).repeat_interleave(8, 1).repeat_interleave(8, 2)
    kept = image.clone()
    stack = pack.stack(start={"start": "image", "contrast": 1.0}, image=image)
    torch.testing.assert_close(pack.run("DAS_StackToImage", stack=stack)[0], image, atol=3e-3, rtol=0)
    pale = pack.stack(start={"start": "image", "contrast": 0.5}, image=image)
    expected = 0.5 + (image - 0.5) / 2
    torch.testing.assert_close(pack.run("DAS_StackToImage", stack=pale)[0], expected, atol=3e-3, rtol=0)
    pack.optimize(stack=stack)
    assert torch.equal(image, kept)


def test_start_images_of_any_size_make_the_batch(pack: Pack) -> None:
    stack = pack.stack(start={"start": "image"}, image=torch.rand(3, 20, 90, 3))
    assert_is_image(pack.optimize(stack=stack)[0], 3, 64, 64)
    stack = pack.stack(start={"start": "image"}, image=torch.rand(1, 200, 30, 3), batch_size=2)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], 2, 64, 64)


def test_noise_belongs_to_the_seed(pack: Pack) -> None:
    def noise(seed: int, amplitude: float) -> Tensor:
        stack = pack.stack(start={"start": "noise", "amplitude": amplitude}, seed=seed)
        image: Tensor = pack.run("DAS_StackToImage", stack=stack)[0]
        return image

    image = noise(1, 0.3)
    assert torch.equal(noise(1, 0.3), image)
    assert not torch.equal(noise(2, 0.3), image)
    assert noise(1, 0.1).std() < image.std() / 2


def test_a_tile_goes_on_at_its_opposite_edges_whatever_the_jitter(pack: Pack) -> None:
    # The margin of 16 has no effect: its widget is folded away, so nobody should have to set it.
    stack = pack.stack(tile=True, height=48)
    assert (stack.spec.margin, pack.stack(tile=False, height=48).spec.margin >= 16) == (0, True)
    image = pack.optimize(stack=stack, steps=4)[0]
    assert tuple(image.shape) == (1, 48, 64, 3)
    steps = (image - image.roll(1, 1)).abs().mean(dim=(0, 2, 3))
    assert steps[0] < 2 * steps[1:].mean()


@each_case(("start", "feather"), itertools.product(["image", "noise", "gray"], [0, 8]))
def test_what_lies_outside_the_mask_leaves_as_it_came(pack: Pack, image: Tensor, start: str, feather: int) -> None:
    stack = pack.stack(image=image, mask=block(), feather=feather, start={"start": start})
    made, after, frames, _, importance = pack.optimize(stack=stack, frames=1)
    outside = block()[0] == 0
    for shown in (made, frames[:1], pack.run("DAS_StackToImage", stack=after)[0]):
        assert torch.equal(shown[0][outside], image[0][outside])
        assert not torch.equal(shown[0], image[0])
    # No gradient reached what must stay.
    assert not importance[0][outside].any()


def test_an_image_without_a_mask_starts_the_whole_picture(pack: Pack, image: Tensor) -> None:
    assert pack.stack(image=image, start={"start": "image"}).surroundings is None


def test_many_masks_make_a_batch(pack: Pack, image: Tensor) -> None:
    stack = pack.stack(image=image, mask=torch.cat([block(), block(20, 60)]))
    assert stack.batch == 2
    assert len(pack.optimize(stack=stack)[0]) == 2


def from_image(pack: Pack, image: Tensor, **inputs: Any) -> object:
    return pack.stack(start={"start": "image"}, image=image, **inputs)


def masked(pack: Pack, mask: Tensor, **inputs: Any) -> Any:
    return pack.stack(**{"image": torch.rand(1, 64, 64, 3), "mask": mask, **inputs})


@each_case("more", ["images", "masks"])
def test_memory_is_that_of_all_start_images(pack: Pack, set_free_memory: Callable[[int], None], more: str) -> None:
    def start(count: int) -> object:
        if more == "images":
            return from_image(pack, torch.rand(count, 9, 9, 3))
        return masked(pack, torch.ones(count, 9, 9))

    estimate = pack.module("das_core.ascent.memory").estimate_ascent_bytes
    set_free_memory(estimate(pack.stack().spec, 2))
    assert start(2)
    with pytest.raises(ValueError, match=r"an ascent of 3 x 64 x 64 with a margin of 16 needs about"):
        start(3)


BAD: dict[str, Callable[[Pack], object]] = {
    r"size is 'image' but no image is connected: connect one, or set size": lambda pack: pack.stack(size="image"),
    r"size 'photo' is unknown; choose given, image or image_within": lambda pack: pack.stack(size="photo"),
    r"64 x 16384 x 16384 .* needs about .* are free: make width, height, margin or batch_size smaller": (
        lambda pack: pack.stack(width=16384, height=16384, batch_size=64)
    ),
    r"start 'black' is unknown; choose gray, noise or image": lambda pack: pack.stack(start={"start": "black"}),
    r"amplitude -1": lambda pack: pack.stack(start={"start": "noise", "amplitude": -1.0}),
    r"4 channels .* alpha": lambda pack: from_image(pack, torch.rand(1, 9, 9, 4)),
    r"1 channels .* repeat": lambda pack: from_image(pack, torch.rand(1, 9, 9, 1)),
    r"shape \(9, 9, 3\)": lambda pack: from_image(pack, torch.rand(9, 9, 3)),
    r"shape \(0, 3, 9, 9\)": lambda pack: from_image(pack, torch.rand(0, 9, 9, 3)),
    r"1 values that are NaN or infinite.* look at the node": lambda pack: from_image(pack, make_holed_image()),
    r"a batch of 2 does not go with 3 start images: use 1 or 3": (
        lambda pack: from_image(pack, torch.rand(3, 9, 9, 3), batch_size=2)
    ),
    r"the mask has no pixel above 0": lambda pack: masked(pack, torch.zeros(1, 9, 9)),
    r"the mask holds values that are NaN": lambda pack: masked(pack, torch.full((1, 9, 9), math.nan)),
    r"2 images do not go with a batch of 3: use 1 or 3": lambda pack: masked(
        pack, torch.ones(3, 9, 9), image=torch.rand(2, 9, 9, 3)
    ),
    r"feather 64 is not between 0": lambda pack: masked(pack, torch.ones(1, 9, 9), feather=64),
    r"too thin for a feather of 60": lambda pack: masked(pack, torch.eye(64)[None], feather=60),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
