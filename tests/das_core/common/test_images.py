from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cases import each_case
from das_core.common.geometry import Shape
from das_core.common.images import check_images, fit_square, place_on_canvas, resize_to_cover
from stops import assert_ends_anywhere


def photograph() -> Tensor:
    """Scikit-image's coffee, 400 x 600, as (1, 3, H, W), 0..1."""
    return torch.from_numpy(data.coffee()).movedim(-1, 0)[None].float() / 255


def noise(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def resize_by_pil(image: Tensor, height: int, width: int, filter_: Image.Resampling) -> np.ndarray:
    """An image (1, 3, H, W) resized by PIL, one channel after the other: (3, height, width)."""
    channels = [Image.fromarray(channel.numpy()).resize((width, height), filter_) for channel in image[0]]
    return np.stack([np.asarray(channel) for channel in channels])


@each_case("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_images_pass_as_they_are_but_for_their_graph(dtype: torch.dtype) -> None:
    images = torch.tensor([-0.5, 0.0, 1.5]).to(dtype).reshape(1, 3, 1, 1)
    assert check_images(images, "it") is images
    images = torch.rand(1, 3, 8, 8, dtype=dtype, requires_grad=True)
    checked = check_images(2 * images, "it")
    assert not checked.requires_grad
    assert torch.equal(checked, 2 * images)


@each_case(
    ("given", "says"),
    [
        (torch.rand(8, 8), r"the mask has the shape \(8, 8\); a batch of images is needed"),
        (torch.rand(0, 3, 8, 8), r"the shape \(0, 3, 8, 8\)"),
        (torch.rand(1, 3, 8, 0), r"the shape \(1, 3, 8, 0\)"),
        (torch.rand(1, 1, 8, 8), r"1 channels \(one grey channel\) where 3 are needed .*repeat the grey channel"),
        (torch.rand(1, 2, 8, 8), r"2 channels \(grey and alpha\)"),
        (torch.rand(1, 4, 8, 8), r"4 channels \(an alpha channel\) .*take the alpha off"),
        (torch.rand(1, 7, 8, 8), r"7 channels \(no RGB\)"),
        (torch.rand(1, 8, 8, 3), r"8 channels \(no RGB\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"whole numbers \(torch.uint8\); convert it to floats in 0..1"),
        (torch.tensor([0.0, torch.nan, torch.inf]).reshape(1, 3, 1, 1), "holds 2 values that are NaN or infinite"),
        (torch.tensor([0.0, 0.0, -torch.inf]).reshape(1, 3, 1, 1), "holds 1 values that are NaN or infinite"),
        ("castle.png", "the mask is a str; give a tensor, an array or a picture of Pillow"),
        (np.zeros(3), r"the mask has the shape \(3,\); an array is \(height, width, 3\)"),
        (np.zeros((4, 4, 3), dtype=np.int32), "the mask holds whole numbers"),
        (np.zeros((4, 4, 4)), "the mask has 4 channels"),
        (np.full((4, 4, 3), np.nan), "the mask holds 48 values that are NaN"),
    ],
)
def test_what_is_wrong_is_named(given: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_images(given, "the mask")


@each_case("shape", [(224, 224), (100, 300), (300, 100), (400, 600), (200, 300), (17, 33), (800, 800), (401, 601)])
def test_cover_is_resizing_and_cutting_by_pil(shape: Shape) -> None:
    image, (height, width) = photograph(), shape
    factor = max(height / 400, width / 600)
    size = (max(width, round(600 * factor)), max(height, round(400 * factor)))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    channels = [Image.fromarray(channel.numpy()).resize(size, Image.Resampling.BICUBIC) for channel in image[0]]
    cut = [np.asarray(channel.crop((left, top, left + width, top + height))) for channel in channels]
    covered = resize_to_cover(image, shape)
    assert covered.shape == (1, 3, *shape)
    np.testing.assert_allclose(covered[0].numpy(), np.stack(cut).clip(0, 1), atol=1e-4)


def test_what_has_the_right_size_is_cut_and_not_resized() -> None:
    image = noise(20, 30, 2)
    assert torch.equal(resize_to_cover(image, (20, 30)), image)
    assert torch.equal(resize_to_cover(image, (20, 20)), image[:, :, :, 5:25])
    assert torch.equal(resize_to_cover(image, (10, 30)), image[:, :, 5:15])
    image = noise(24, 30)
    assert torch.equal(fit_square(image, 24), image[:, :, :, 3:27])
    assert torch.equal(fit_square(image[:, :, :, :24], 24, "squash"), image[:, :, :, :24])


@each_case("size", [(1, 1), (1, 50), (50, 1), (3, 7), (16, 16)])
@each_case("shape", [(16, 16), (16, 40), (33, 17)])
def test_cover_takes_any_size(size: Shape, shape: Shape) -> None:
    covered = resize_to_cover(noise(*size, 2), shape)
    assert covered.shape == (2, 3, *shape)
    assert float(covered.min()) >= 0
    assert float(covered.max()) <= 1


@each_case("size", [(1, 40_000), (40_000, 1), (2, 9_000)])
def test_cover_takes_a_strip_without_making_all_of_it_large(size: Shape) -> None:
    strip = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    largest = 0

    class Measure(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            if isinstance(made, Tensor):
                largest = max(largest, made.numel())
            return made

    with Measure():
        covered = resize_to_cover(strip, (224, 224))
    assert covered.shape == (1, 3, 224, 224)
    assert largest <= max(strip.numel(), 3 * 8 * 224 * 224)
    # A square picture of the strip is its middle: of one row, one pixel of it.
    if min(size) == 1:
        middle = strip[:, :, (size[0] - 1) // 2, (size[1] - 1) // 2]
        torch.testing.assert_close(covered, middle[:, :, None, None].expand_as(covered))


def test_cover_keeps_a_plain_colour_and_does_not_overshoot_at_edges() -> None:
    plain = torch.tensor([0.1, 0.5, 0.9]).reshape(1, 3, 1, 1).expand(1, 3, 13, 9)
    covered = resize_to_cover(plain, (40, 21))
    torch.testing.assert_close(covered, plain[:, :, :1, :1].expand_as(covered))
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    raw = torch.nn.functional.interpolate(edge, size=(32, 32), mode="bicubic", antialias=True)
    assert float(raw.min()) < -0.01
    covered = resize_to_cover(edge, (32, 32))
    assert (float(covered.min()), float(covered.max())) == (0.0, 1.0)


def test_cover_takes_masks_too_and_keeps_images_of_a_batch_apart() -> None:
    image = noise(12, 30, 2)
    covered = resize_to_cover(image, (20, 20))
    for item in range(2):
        torch.testing.assert_close(covered[item : item + 1], resize_to_cover(image[item : item + 1], (20, 20)))
    torch.testing.assert_close(resize_to_cover(image[:, :1], (20, 20)), covered[:, :1])


@each_case("shape", [(40, 60), (60, 40), (41, 60), (33, 32)])
@each_case(
    ("interpolation", "filter_"), [("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)]
)
def test_a_square_is_the_middle_or_all_of_an_image_resized_by_pil(
    shape: Shape, interpolation: str, filter_: Image.Resampling
) -> None:
    image, (height, width) = noise(*shape), shape
    side = min(shape)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[:, :, top : top + side, left : left + side]
    for fit, part in (("shortest", middle), ("squash", image)):
        square = fit_square(image, 24, fit, interpolation)  # type: ignore[arg-type]
        assert square.shape == (1, 3, 24, 24)
        expected = resize_by_pil(part, 24, 24, filter_).clip(0, 1)
        np.testing.assert_allclose(square[0].numpy(), expected, atol=1e-5)


@each_case("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_squares_are_float32(dtype: torch.dtype) -> None:
    image = noise(20, 30).to(dtype)
    assert fit_square(image, 16).dtype == torch.float32
    torch.testing.assert_close(fit_square(image, 16), fit_square(image.float(), 16))


@each_case(
    ("margin", "mode"),
    [(0, "reflect"), (1, "reflect"), (5, "reflect"), (15, "reflect"), (16, "edge"), (40, "edge")],
)
def test_a_margin_mirrors_the_picture_or_repeats_the_border_of_one_that_is_no_larger(margin: int, mode: Any) -> None:
    image = noise(16, 24, 2)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode=mode)
    np.testing.assert_array_equal(place_on_canvas(image, (16, 24), margin).numpy(), expected)


def test_the_picture_on_a_canvas_is_the_image_clipped_and_then_resized_to_cover_it() -> None:
    image = noise(20, 50)
    canvas = place_on_canvas(image, (30, 30), 7)
    assert canvas.shape == (1, 3, 44, 44)
    assert torch.equal(canvas[:, :, 7:37, 7:37], resize_to_cover(image, (30, 30)))
    image = noise(10, 10) * 8 - 4
    assert torch.equal(place_on_canvas(image.double(), (16, 16), 3), place_on_canvas(image.clamp(0, 1), (16, 16), 3))


def test_images_may_be_given_in_any_form_and_photographs_are_turned_as_they_say() -> None:
    bytes_ = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = torch.from_numpy(bytes_).permute(2, 0, 1)[None] / 255
    frozen = bytes_.copy()
    frozen.flags.writeable = False
    for given in (bytes_, frozen, bytes_ / 255, bytes_[None], Image.fromarray(bytes_), expected, expected[0]):
        torch.testing.assert_close(check_images(given, "it"), expected)
    grey = bytes_[..., 0]
    for plain in (grey, grey / 255, Image.fromarray(grey)):
        torch.testing.assert_close(check_images(plain, "it"), expected[:, :1].expand(-1, 3, -1, -1))
    assert check_images(expected, "it") is expected
    picture = Image.fromarray(np.arange(72, dtype=np.uint8).reshape(4, 6, 3))
    picture.getexif()[0x0112] = 6
    assert check_images(picture, "it").shape == (1, 3, 6, 4)


@each_case("images", [torch.rand(3, 3, 50, 70), torch.rand(3, 1, 50, 70)])
def test_many_images_are_resized_one_by_one_to_the_same_bits(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        return [fit_square(images, 32), fit_square(images, 60), place_on_canvas(images, (90, 40), 8)]

    whole = run()
    monkeypatch.setattr("das_core.common.images._MOST_AT_ONCE", 0)
    assert all(torch.equal(one, other) for one, other in zip(run(), whole, strict=True))
    assert assert_ends_anywhere(run) >= 12


@each_case("from_comfyui", [False, True])
def test_a_large_image_is_resized_plane_by_plane_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, from_comfyui: bool
) -> None:
    image = torch.rand(2, 60, 80, 3, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)
    image = image if from_comfyui else image.contiguous()
    for resize in (lambda: resize_to_cover(image, (50, 90)), lambda: fit_square(image, 32)):
        whole = resize()
        with monkeypatch.context() as patched:
            patched.setattr("das_core.common.images._MOST_AT_ONCE", 2000)
            assert torch.equal(resize(), whole)
            assert assert_ends_anywhere(resize) == 7
