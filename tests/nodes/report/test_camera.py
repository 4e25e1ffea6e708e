"""Camera: frames over a picture and over a film, and what it says of shots, frames and sizes that cannot be."""

from typing import Any

import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, assert_is_image, refuse_all


def picture(count: int = 1, height: int = 40, width: int = 64, channels: int = 3) -> Tensor:
    """Images that differ from place to place, as ComfyUI makes them: under inference mode."""
    with torch.inference_mode():
        return torch.rand(count, height, width, channels, generator=torch.Generator().manual_seed(5))


def film(pack: Pack, images: Tensor | None = None, **inputs: Any) -> Tensor:
    (frames,) = pack.run("DAS_Camera", images=picture() if images is None else images, **inputs)
    assert isinstance(frames, Tensor)
    return frames


def test_its_frames_are_those_of_the_library(pack: Pack) -> None:
    image, shots = picture(), "0: 0.5 0.5 1\n4: 0.3 0.6 2 15"
    before = image.clone()
    frames = film(pack, image, shots=shots, frames=7, width=32, height=24, curve="linear")
    move_camera = pack.module("das_core.report.camera").move_camera
    expected = move_camera(image.movedim(-1, 1).clone(), shots, frames=7, size=(32, 24), curve="linear")
    assert_is_image(frames, 7, 24, 32)
    torch.testing.assert_close(frames.movedim(-1, 1), expected, rtol=0, atol=0)
    assert torch.equal(frames[4], frames[6]), "after the last shot it stands still"
    assert torch.equal(image, before)


@each_case(("width", "height", "size"), (0, 0, (40, 64)), (16, 0, (40, 16)), (0, 56, (56, 64)))
def test_a_side_of_zero_is_that_of_the_picture(pack: Pack, width: int, height: int, size: tuple[int, int]) -> None:
    assert_is_image(film(pack, shots="1: 0.5 0.5 1", width=width, height=height), 2, *size)


test_what_cannot_be_is_refused = refuse_all(
    {
        r"60000 frames of 64 x 40 needs about 3\.\d GiB, and 1\.0 GiB are free: choose fewer frames or smaller ones": (
            lambda pack: film(pack, frames=60000)
        )
    },
    free=2**30,
)
