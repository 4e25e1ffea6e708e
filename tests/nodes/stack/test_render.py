"""Stack to Image: a stack at any size, and sizes that are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, assert_is_image


@each_case(("scale", "side"), [(0.5, 32), (1.0, 64), (2.5, 160)])
def test_a_stack_is_rendered_at_any_size(pack: Pack, scale: float, side: int) -> None:
    stack = pack.optimize()[1]
    (image,) = pack.run("DAS_StackToImage", stack=stack, scale=scale)
    assert_is_image(image, 1, side, side)
    assert 0 <= image.min() < image.max() <= 1
    if scale == 1:
        assert torch.equal(image, pack.run("DAS_StackToImage", stack=stack)[0])


def test_a_picture_that_does_not_fit_into_memory_is_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    stack = pack.stack()
    set_free_memory(2**24)
    with pytest.raises(ValueError, match=r"a picture of 2048 x 2048 needs about .* choose a smaller scale"):
        pack.run("DAS_StackToImage", stack=stack, scale=32.0)


def test_at_its_own_size_a_stack_is_shown_however_little_memory_is_free(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    stack = pack.stack(start={"start": "noise"})
    set_free_memory(0)
    assert_is_image(pack.run("DAS_StackToImage", stack=stack)[0], 1, 64, 64)


@pytest.fixture(scope="module")
def film(loaded: Pack) -> Any:
    """A film of four frames that has climbed."""
    (stack,) = loaded.run("DAS_FilmStack", stack=loaded.stack(), frames=4, loop=True)
    return loaded.optimize(stack=stack)[1]


@each_case(("frames", "scale", "side"), [(0, 1.0, 64), (4, 1.0, 64), (16, 1.0, 64), (3, 0.5, 32)])
def test_a_film_is_rendered_with_any_number_of_frames(
    pack: Pack, film: Any, frames: int, scale: float, side: int
) -> None:
    (image,) = pack.run("DAS_StackToImage", stack=film, frames=frames, scale=scale)
    assert_is_image(image, frames or 4, side, side)
    if scale == 1:
        (own,) = pack.run("DAS_StackToImage", stack=film)
        assert torch.equal(image[:: max(frames, 4) // 4], own)


@pytest.fixture(scope="module")
def zoom(loaded: Pack) -> Any:
    """A zoom of three depths that has climbed."""
    (stack,) = loaded.run("DAS_ZoomStack", stack=loaded.stack(), depths=3)
    return loaded.optimize(stack=stack, augmentation=loaded.augmentation(jitter=8))[1]


@each_case(("frames", "scale", "side"), [(0, 1.0, 64), (3, 1.0, 64), (9, 1.0, 64), (5, 0.5, 32)])
def test_a_zoom_is_rendered_inward_and_outward(pack: Pack, zoom: Any, frames: int, scale: float, side: int) -> None:
    inward, outward = (
        pack.run("DAS_StackToImage", stack=zoom, frames=frames, scale=scale, out=out)[0] for out in (False, True)
    )
    assert_is_image(inward, frames or 3, side, side)
    assert torch.equal(outward, inward.flip(0))
    if scale == 1:
        (depths,) = pack.run("DAS_StackToImage", stack=zoom)
        assert torch.equal(inward[:: max(frames, 3) // 2 if frames > 3 else 1], depths)


def test_out_changes_nothing_else(pack: Pack, film: Any) -> None:
    for settings in ({"frames": 8}, {"scale": 0.5}, {}):
        one, other = (pack.run("DAS_StackToImage", stack=film, out=out, **settings)[0] for out in (False, True))
        assert torch.equal(one, other)


def test_frames_are_those_of_a_film_or_a_zoom_and_fit_into_memory(
    pack: Pack, film: Any, zoom: Any, set_free_memory: Callable[[int], None]
) -> None:
    with pytest.raises(
        ValueError, match=r"the stack is no film.*Film Stack makes a film of it, Zoom Stack a zoom; or set frames to 0"
    ):
        pack.run("DAS_StackToImage", stack=pack.stack(), frames=8)
    set_free_memory(2**24)
    for stack in (film, zoom):
        with pytest.raises(ValueError, match=r"5000 frames of 64 x 64 needs about .* choose fewer frames"):
            pack.run("DAS_StackToImage", stack=stack, frames=5000)
