"""Camera: frames over a picture and over a film, and what it says of shots, frames and sizes that cannot be."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, assert_is_image, assert_refused, make_holed_image


def picture(count: int = 1, height: int = 40, width: int = 64, channels: int = 3) -> Tensor:
    """Images that differ from place to place, as ComfyUI makes them: under inference mode."""
    with torch.inference_mode():
        return torch.rand(count, height, width, channels, generator=torch.Generator().manual_seed(5))


def film(pack: Pack, images: Tensor | None = None, **inputs: Any) -> Tensor:
    (frames,) = pack.run("DAS_Camera", images=picture() if images is None else images, **inputs)
    assert isinstance(frames, Tensor)
    return frames


def test_by_default_it_comes_slowly_nearer(pack: Pack) -> None:
    image = picture()
    frames = film(pack, image)
    assert_is_image(frames, 48, 40, 64)
    torch.testing.assert_close(frames[0], image[0], rtol=0, atol=1e-5)
    assert not torch.equal(frames[0], frames[24])
    # What it sees at last is the middle third.
    middle = image[:, 14:26, 22:42].movedim(-1, 1)
    assert frames[-1].mean(dim=(0, 1)) == pytest.approx(middle.mean(dim=(0, 2, 3)), abs=0.05)


def test_its_frames_are_those_of_the_library(pack: Pack) -> None:
    image, shots = picture(), "0: 0.5 0.5 1\n4: 0.3 0.6 2 15"
    frames = film(pack, image, shots=shots, frames=7, width=32, height=24, curve="linear")
    move_camera = pack.module("das_core.report.camera").move_camera
    expected = move_camera(image.movedim(-1, 1).clone(), shots, frames=7, size=(32, 24), curve="linear")
    assert_is_image(frames, 7, 24, 32)
    torch.testing.assert_close(frames.movedim(-1, 1), expected, rtol=0, atol=0)
    assert torch.equal(frames[4], frames[6]), "after the last shot it stands still"


@each_case(("width", "height", "size"), [(0, 0, (40, 64)), (16, 0, (40, 16)), (0, 56, (56, 64))])
def test_a_side_of_zero_is_that_of_the_picture(pack: Pack, width: int, height: int, size: tuple[int, int]) -> None:
    assert_is_image(film(pack, shots="1: 0.5 0.5 1", width=width, height=height), 2, *size)


def test_over_a_film_each_frame_shows_its_own_image(pack: Pack) -> None:
    grey = torch.linspace(0, 1, 6)[:, None, None, None].expand(6, 20, 20, 3)
    frames = film(pack, grey, shots="0: 0.5 0.5 1 / 3: 0.2 0.8 3 40")
    torch.testing.assert_close(frames, grey, rtol=0, atol=1e-5)


def test_the_picture_is_left_as_it_was(pack: Pack) -> None:
    image = picture()
    before = image.clone()
    film(pack, image, shots="0: 0.5 0.5 1")
    assert torch.equal(image, before)


BAD: dict[str, Callable[[Pack], object]] = {
    r"'' does not begin with a keyframe; write '0: 0\.5 0\.5 1 / 47": lambda pack: film(pack, shots=""),
    r"'nearer' does not begin with a keyframe": lambda pack: film(pack, shots="nearer"),
    r"keyframe 9 has 2 numbers, '0\.5 0\.5'; write '9: 0\.3 0\.6 4', x y": lambda pack: film(pack, shots="9: 0.5 0.5"),
    r"keyframe 4 is empty; write '4: 0\.5 0\.5 1'": lambda pack: film(pack, shots="0: 0.5 0.5 1\n4:"),
    r"keyframe 4 stands there twice": lambda pack: film(pack, shots="4: 0.5 0.5 1\n4: 0.5 0.5 2"),
    r"'near' is not a number; write '0: 0\.3 0\.6 4'": lambda pack: film(pack, shots="0: 0.5 0.5 near"),
    r"'nan' is not a number": lambda pack: film(pack, shots="0: 0.5 nan 1"),
    r"'inf' is not a number": lambda pack: film(pack, shots="0: 0.5 0.5 1 inf"),
    r"zoom 0\.5 of a shot is not between 1 and 64": lambda pack: film(pack, shots="0: 0.5 0.5 0.5"),
    r"x 1\.2 of a shot is not between 0 and 1": lambda pack: film(pack, shots="0: 1.2 0.5 1"),
    r"shot 47 is beyond the end of 12 frames; number the shots from 0 to 11": lambda pack: film(pack, frames=12),
    r"shot 47 is beyond the end of 5 frames; number": lambda pack: film(pack, picture(5)),
    r"5 images are no film of 50 frames; give 1 or 50 images, or ask for 5": lambda pack: film(
        pack, picture(5), frames=50
    ),
    r"200001 frames cannot be filmed": lambda pack: film(pack, shots="200000: 0.5 0.5 1"),
    r"curve 'bounce' is unknown; choose one of": lambda pack: film(pack, curve="bounce"),
    r"the picture under the camera has 4 channels \(an alpha channel\)": lambda pack: film(pack, picture(channels=4)),
    r"the picture under the camera holds 1 values that are NaN": lambda pack: film(pack, make_holed_image()),
    r"0 images are no film of 48 frames": lambda pack: film(pack, torch.zeros(0, 8, 8, 3)),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_what_cannot_be_filmed_is_refused(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)


def test_frames_that_do_not_fit_are_refused_before_they_are_filmed(
    pack: Pack, set_free_memory: Callable[[int], None]
) -> None:
    set_free_memory(2**30)
    says = r"60000 frames of 64 x 40 needs about 3\.\d GiB, and 1\.0 GiB are free: choose fewer frames or smaller ones"
    with pytest.raises(ValueError, match=says):
        film(pack, frames=60000)
    with pytest.raises(ValueError, match=r"1 frames of 30000 x 30000 needs about"):
        film(pack, shots="0: 0.5 0.5 1", width=30000, height=30000)


def test_cancel_is_heard_at_the_next_frame(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management as mm

    camera, done = pack.module("das_core.report.camera"), []
    take = camera._film

    def press_cancel(*arguments: Any) -> Tensor:
        done.append(arguments[1])
        mm.interrupt_current_processing(len(done) == 3)
        frame: Tensor = take(*arguments)
        return frame

    monkeypatch.setattr(camera, "_film", press_cancel)
    with pytest.raises(mm.InterruptProcessingException):
        film(pack)
    assert len(done) == 3
