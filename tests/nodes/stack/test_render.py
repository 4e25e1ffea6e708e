"""Stack to Image: a stack at any size, and sizes that are refused."""

from collections.abc import Callable

import pytest
import torch

from loaded_pack import Pack, assert_is_image


@pytest.mark.parametrize(("scale", "side"), [(0.5, 32), (1.0, 64), (2.5, 160)])
def test_a_stack_is_rendered_at_any_size(pack: Pack, scale: float, side: int) -> None:
    stack = pack.optimize()[1]
    (image,) = pack.run("DAS_StackToImage", stack=stack, scale=scale)
    assert_is_image(image, 1, side, side)
    assert 0 <= image.min() < image.max() <= 1
    if scale == 1:
        assert torch.equal(image, pack.run("DAS_StackToImage", stack=stack)[0])


def test_a_picture_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack()
    for scale in (0.0, 33.0):
        with pytest.raises(ValueError, match=r"scale .* is not between 0.05 and 32"):
            pack.run("DAS_StackToImage", stack=stack, scale=scale)
    set_free_memory(2**24)
    with pytest.raises(ValueError, match=r"a picture of 2048 x 2048 needs about .* choose a smaller scale"):
        pack.run("DAS_StackToImage", stack=stack, scale=32.0)


def test_at_its_own_size_a_stack_is_shown_however_little_memory_is_free(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    stack = pack.stack(start={"start": "noise"})
    set_free_memory(0)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], 1, 64, 64)
