"""The picture around a stack: kept where the mask is 0, mixed between its ends."""

import torch

from das_core.stack.surroundings import Surroundings

PIXELS, SHOWN, MASK = torch.rand(3, 1, 3, 8, 8, generator=torch.Generator().manual_seed(1)).unbind()


def test_between_its_ends_a_mask_mixes() -> None:
    mask = MASK[:, :1]
    expected = mask * SHOWN + (1 - mask) * PIXELS
    torch.testing.assert_close(Surroundings(PIXELS, mask).composite(SHOWN), expected)


def test_at_its_ends_a_mask_keeps_every_bit() -> None:
    mask = MASK[:, :1].round()
    mixed = Surroundings(PIXELS, mask).composite(SHOWN)
    assert torch.equal(mixed, torch.where(mask.bool(), SHOWN, PIXELS))


def test_surroundings_go_to_another_device_whole() -> None:
    moved = Surroundings(PIXELS, MASK[:, :1]).to(torch.device("meta"))
    assert {moved.pixels.device.type, moved.mask.device.type} == {"meta"}


def test_surroundings_of_some_images_are_theirs() -> None:
    around = Surroundings(torch.rand(3, 3, 4, 5), torch.rand(3, 1, 4, 5))
    some = around.select([2, 0])
    assert torch.equal(some.pixels, around.pixels[[2, 0]])
    assert torch.equal(some.mask, around.mask[[2, 0]])
