"""Ascents of a part of a picture: what lies outside the mask stays, bit for bit."""

import torch

import das_core as da
from cases import each_case
from das_core.ascent.optimizers import Optimizer
from masked_stack import SPEC, VIEWS, part, photograph, square
from toys import toy_class


def climbed(stack: da.ImageStack, optimizer: Optimizer | None = None) -> da.ImageStack:
    return da.Ascent(stack, toy_class(), VIEWS, steps=3, optimizer=optimizer).run().stack


@each_case("optimizer", [da.NormalizedAscent(), da.SGD(1.0, 0.5), da.Adam()])
@each_case("feather", [0, 4])
def test_outside_the_mask_of_a_stack_every_bit_is_the_images(optimizer: Optimizer, feather: int) -> None:
    image = photograph()
    # Black and white stay too, at which tanh has no inverse.
    image[:, :, :6] = image[:, :, :6].round()
    masks = torch.cat([square(), square(top=2, left=2)])
    made = climbed(part(image, masks, feather), optimizer).image()
    for shown, mask in zip(made, masks, strict=True):
        outside = (mask == 0).expand(3, -1, -1)
        assert torch.equal(shown[outside], image[0][outside])
    inside = made[:, :, 12:20, 14:20] - image[:, :, 12:20, 14:20]
    assert inside.abs().mean(dim=(1, 2, 3)).min() > 0.01


def test_a_full_mask_changes_nothing() -> None:
    image = photograph()
    plain = climbed(da.ImageStack.from_image(SPEC, image)).image()
    full = climbed(part(image, torch.ones(1, 7, 9))).image()
    # Views are drawn from all of the canvas in either case.
    torch.testing.assert_close(full, plain, rtol=0, atol=1e-5)
