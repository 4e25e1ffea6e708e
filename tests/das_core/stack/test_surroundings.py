"""The picture around a stack: kept where the mask is 0, mixed between its ends."""

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.surroundings import Surroundings
from das_core.stack.time import Time

PIXELS, SHOWN, MASK = torch.rand(3, 1, 3, 8, 8, generator=torch.Generator().manual_seed(1)).unbind()


def test_a_mask_mixes_between_its_ends_and_keeps_every_bit_at_them() -> None:
    mask = MASK[:, :1]
    expected = mask * SHOWN + (1 - mask) * PIXELS
    torch.testing.assert_close(Surroundings(PIXELS, mask).composite(SHOWN), expected)
    mask = mask.round()
    assert torch.equal(Surroundings(PIXELS, mask).composite(SHOWN), torch.where(mask.bool(), SHOWN, PIXELS))


def test_surroundings_go_to_another_device_whole() -> None:
    moved = Surroundings(PIXELS, MASK[:, :1]).to(torch.device("meta"))
    assert {moved.pixels.device.type, moved.mask.device.type} == {"meta"}


def test_surroundings_of_some_images_are_theirs() -> None:
    around = Surroundings(torch.rand(3, 3, 4, 5), torch.rand(3, 1, 4, 5))
    some = around.select([2, 0])
    assert torch.equal(some.pixels, around.pixels[[2, 0]])
    assert torch.equal(some.mask, around.mask[[2, 0]])


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 16, 32)
    mask[:, :, :16] = 1
    return mask


FILM = StackSpec(32, 16, 4, time=Time(3))


def test_surroundings_show_where_the_mask_is_zero() -> None:
    image = photograph(16, 32)
    stack = ImageStack.noise(StackSpec(32, 16, 4))
    part = stack.place_into(image, half_mask())
    assert torch.equal(part.image()[..., 16:], image[..., 16:])
    assert torch.equal(part.image()[..., :16], stack.image()[..., :16])
    assert torch.equal(part.canvas, stack.canvas)
    assert stack.surroundings is None


def test_a_stack_is_repeated_for_many_masks_or_images() -> None:
    stack = ImageStack.noise(StackSpec(32, 16, 4))
    masks = torch.cat([half_mask(), 1 - half_mask()])
    parts = stack.place_into(photograph(16, 32), masks)
    assert parts.batch == 2
    assert torch.equal(parts.image()[0, :, :, :16], stack.image()[0, :, :, :16])
    assert torch.equal(parts.image()[1, :, :, 16:], stack.image()[0, :, :, 16:])
    images = stack.place_into(photograph(16, 32, 3), half_mask())
    assert torch.equal(images.image()[..., 16:], photograph(16, 32, 3)[..., 16:])


@each_case(
    ("says", "stacks", "image", "masks"),
    [
        ("2 stacks do not go with a batch of 3: use 1 or 3", 2, photograph(16, 32, 3), 1),
        ("2 images do not go with a batch of 3: use 1 or 3", 1, photograph(16, 32, 2), 3),
        ("2 masks do not go with a batch of 4: use 1 or 4", 4, photograph(16, 32), 2),
        ("the image around the mask has 4 channels", 1, torch.rand(1, 4, 16, 32), 1),
    ],
)
def test_images_and_masks_that_do_not_go_with_a_stack_are_named(
    says: str, stacks: int, image: torch.Tensor, masks: int
) -> None:
    stack = ImageStack.gray(StackSpec(32, 16, 4), stacks)
    with pytest.raises(ValueError, match=says):
        stack.place_into(image, half_mask().repeat(masks, 1, 1))


def test_a_mask_of_a_film_may_move() -> None:
    masks = torch.zeros(3, 16, 32)
    for frame in range(3):
        masks[frame, :, 8 * frame : 8 * frame + 8] = 1
    around = photograph(16, 32)
    image = ImageStack.gray(FILM).place_into(around, masks).image()
    expected = torch.lerp(around.expand(3, -1, -1, -1), torch.full((3, 3, 16, 32), 0.5), masks[:, None])
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
