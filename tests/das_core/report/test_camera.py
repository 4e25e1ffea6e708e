from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import resize, resized_crop

from cases import each_case, refuses
from das_core.report.camera import estimate_camera_bytes, move_camera, plan_frames
from das_core.report.shots import Shot

ONE = (1, 3, 16, 16)


def ramp(height: int = 64, width: int = 96) -> Tensor:
    """A picture (1, 3, height, width) whose red is how far right a pixel is, and whose green how far down."""
    down, right = (torch.arange(height)[:, None] + 0.5) / height, (torch.arange(width) + 0.5) / width
    down, right = torch.broadcast_tensors(down, right)
    return torch.stack([right, down, torch.full_like(down, 0.5)])[None]


def test_a_still_camera_sees_the_picture_and_one_that_is_turned_sees_it_turned_the_other_way() -> None:
    picture = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    frames = move_camera(picture, {0: Shot()}, frames=3)
    torch.testing.assert_close(frames, picture.expand(3, -1, -1, -1), rtol=0, atol=1e-5)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    seen = move_camera(picture, {0: Shot(roll=90)})
    # What was on the right is at the top.
    torch.testing.assert_close(seen, picture.rot90(1, (2, 3)), rtol=0, atol=1e-4)
    torch.testing.assert_close(move_camera(picture, {0: Shot(roll=360)}), picture, rtol=0, atol=1e-4)


def test_a_pan_over_a_smooth_picture_is_a_crop_and_frames_smaller_than_what_is_seen_are_antialiased() -> None:
    picture = ramp()
    seen = move_camera(picture, {0: Shot(x=0.6, y=0.4, zoom=2)}, size=(96, 64))[0]
    expected = resized_crop(picture, round(0.4 * 64 - 16), round(0.6 * 96 - 24), 32, 48, [64, 96], antialias=True)[0]
    torch.testing.assert_close(seen[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], rtol=0, atol=0.01)
    checks = torch.zeros(1, 3, 64, 64)
    checks[:, :, ::2, ::2] = checks[:, :, 1::2, 1::2] = 1
    small = move_camera(checks, {0: Shot()}, size=16)
    assert float((small - 0.5).abs().max()) < 0.02
    torch.testing.assert_close(small, resize(checks, [16, 16]), rtol=0, atol=0.02)


@each_case("roll", 0.0, 10.0, 90.0, 200.0)
@each_case("size", 32, (64, 32), (20, 60))
def test_it_never_sees_what_is_outside(roll: float, size: Any) -> None:
    for x, y in ((0.0, 0.0), (1.0, 0.3), (0.5, 1.0)):
        seen = move_camera(ramp(128, 192), {0: Shot(x, y, zoom=1.5, roll=roll)}, size=size)[0, :2]
        # A repeated border has no slope.
        for slope in (seen.diff(dim=2).abs().sum(dim=0), seen.diff(dim=1).abs().sum(dim=0)):
            assert float(slope.min()) > 0.3 * float(slope.median())


def test_frames_of_a_film_are_seen_each_in_its_turn() -> None:
    film = torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 3, 16, 16)
    frames = move_camera(film, {0: Shot(), 4: Shot(zoom=2, roll=30)}, size=8)
    torch.testing.assert_close(frames.mean(dim=(1, 2, 3)), torch.linspace(0, 1, 5), rtol=0, atol=1e-5)


test_what_cannot_be_filmed = refuses(
    lambda shape, shots, settings: move_camera(torch.rand(shape), shots, **settings),
    (ONE, {}, {}, "the camera has no shot"),
    (ONE, {-1: Shot()}, {}, "frame of a shot -1 is not a whole number"),
    (ONE, {2**16: Shot()}, {}, "frame of a shot 65536 is not a whole number from 0 to 65535"),
    (ONE, {9: Shot()}, {"frames": 9}, "shot 9 is beyond the end of 9 frames; number the shots from 0 to 8"),
    (ONE, {0: Shot()}, {"frames": 2**16 + 1}, "frames 65537 is not a whole number from 1 to 65536"),
    (ONE, {0: (0.5, 0.5)}, {}, r"shot 0 is \(0.5, 0.5\); give a Shot, such as Shot\(x=0.8, zoom=3\)"),
    (ONE, {0: Shot()}, {"size": 0.5}, "size 0.5 is neither a whole number of pixels nor two"),
    (ONE, {0: Shot()}, {"size": (8, 0)}, "height of a frame 0 is not a whole number from 1 to 32768"),
    (ONE, {0: Shot()}, {"curve": "bounce"}, "bounce"),
    (ONE, "fog", {}, "'fog' does not begin with a keyframe"),
    ((3, 3, 16, 16), {0: Shot()}, {"frames": 5}, "3 images are no film of 5 frames; give 1 or 5 images, or"),
    ((3, 3, 16, 16), {5: Shot()}, {}, "shot 5 is beyond the end of 3 frames; number the shots from 0 to 2"),
    ((1, 1, 16, 16), {0: Shot()}, {}, "the picture under the camera has 1 channels"),
)


def test_shots_may_be_a_text_and_the_picture_may_require_a_gradient() -> None:
    picture = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(2))
    frames = move_camera(picture, "2: 0.3 0.6 4 15 / 0: 0.5 0.5 1")
    torch.testing.assert_close(frames, move_camera(picture, {0: Shot(), 2: Shot(0.3, 0.6, 4, 15)}), rtol=0, atol=0)
    picture.requires_grad_()
    assert torch.equal(move_camera(picture, {0: Shot(), 2: Shot(0.3, 0.6, 4, 15)}), frames)


@each_case(("images", "settings"), (1, {}), (1, {"frames": 9}), (7, {}), (1, {"size": 12}), (1, {"size": (20, 8)}))
def test_frames_are_as_planned(images: int, settings: dict[str, Any]) -> None:
    film, shots = torch.rand(images, 3, 16, 24), {0: Shot(), 6: Shot(zoom=2)}
    count, (height, width) = plan_frames(images, (16, 24), shots, **settings)
    assert move_camera(film, shots, **settings).shape == (count, 3, height, width)
    assert count == settings.get("frames", 7)


def test_the_estimate_of_memory_holds_two_copies() -> None:
    few, many = (estimate_camera_bytes(1, (64, 96), frames, (48, 48)) for frames in (10, 110))
    assert many - few == 2 * 100 * 3 * 48 * 48 * 4
    assert estimate_camera_bytes(10, (64, 96), 10, (48, 48)) - few == 2 * 9 * 3 * 64 * 96 * 4
    assert estimate_camera_bytes(1, (64, 96), 10, (480, 480)) > 50 * few
