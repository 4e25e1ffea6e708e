"""Stack to Image: a stack at any size, and sizes that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_is_image


@each_case(("scale", "side"), (0.5, 32), (2.5, 160))
def test_a_stack_is_rendered_at_any_size(pack: Pack, scale: float, side: int) -> None:
    stack = pack.optimize()[1]
    (image,) = pack.run("DAS_StackToImage", stack=stack, scale=scale)
    assert_is_image(image, 1, side, side)


@pytest.fixture(scope="module")
def series(loaded: Pack) -> list[Any]:
    """A film of four frames and a zoom of three depths that have climbed."""
    (film,) = loaded.run("DAS_FilmStack", stack=loaded.stack(), frames=4, loop=True)
    (zoom,) = loaded.run("DAS_ZoomStack", stack=loaded.stack(), depths=3)
    return [loaded.optimize(stack=stack, augmentation=loaded.augmentation(jitter=8))[1] for stack in (film, zoom)]


@each_case(("number", "frames", "scale"), (0, 0, 1.0), (0, 16, 1.0), (0, 3, 0.5), (1, 0, 1.0), (1, 9, 1.0), (1, 5, 0.5))
def test_a_series_has_so_many_frames(pack: Pack, series: list[Any], number: int, frames: int, scale: float) -> None:
    stack = series[number]
    given = {"stack": stack, "frames": frames, "scale": scale}
    image, out = (pack.run("DAS_StackToImage", **given, out=out)[0] for out in (False, True))
    assert_is_image(image, frames or stack.batch, int(64 * scale), int(64 * scale))
    assert torch.equal(out, image.flip(0) if stack.spec.zoom else image)
    if scale == 1:
        # Of 16 frames of a loop of 4, and of 9 frames from the first to the last of 3 depths, every fourth is its own.
        assert torch.equal(image[:: 4 if frames else 1], pack.run("DAS_StackToImage", stack=stack)[0])


def test_frames_are_of_series_and_fit(pack: Pack, series: list[Any], set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack()
    says = r"the stack is no film.*Film Stack makes a film of it, Zoom Stack a zoom; or set frames to 0"
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_StackToImage", stack=stack, frames=8)
    set_free_memory(2**24)
    for other in series:
        with pytest.raises(ValueError, match=r"5000 frames of 64 x 64 needs about .* choose fewer frames"):
            pack.run("DAS_StackToImage", stack=other, frames=5000)
    with pytest.raises(ValueError, match=r"a picture of 2048 x 2048 needs about .* choose a smaller scale"):
        pack.run("DAS_StackToImage", stack=stack, scale=32.0)
    # At its own size a stack is shown however little memory is free.
    set_free_memory(0)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], 1, 64, 64)
