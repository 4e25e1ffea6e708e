from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.common.geometry import Shape
from das_core.common.images import Fit, check_images, fit_square, place_on_canvas, resize_to_cover
from stops import assert_ends_anywhere


def noise(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def resize_by_pil(image: Tensor, height: int, width: int, filter_: Image.Resampling) -> np.ndarray:
    """An image (1, 3, H, W) resized by PIL, one channel after the other: (3, height, width)."""
    channels = [Image.fromarray(channel.numpy()).resize((width, height), filter_) for channel in image[0]]
    return np.stack([np.asarray(channel) for channel in channels]).clip(0, 1)


test_what_is_wrong_is_named = refuses(
    lambda given: check_images(given, "the mask"),
    (torch.rand(8, 8), r"the mask has the shape \(8, 8\); a batch of images is needed"),
    (torch.rand(0, 3, 8, 8), r"the shape \(0, 3, 8, 8\)"),
    (torch.rand(1, 3, 8, 0), r"the shape \(1, 3, 8, 0\)"),
    (torch.rand(1, 1, 8, 8), r"1 channels \(one grey channel\) where 3 are needed .*repeat the grey channel"),
    (torch.rand(1, 4, 8, 8), r"4 channels \(an alpha channel\) .*take the alpha off"),
    (torch.rand(1, 8, 8, 3), r"8 channels \(no RGB\)"),
    (
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        "a tensor of torch.uint8 on the device cpu; convert it to floats in 0..1",
    ),
    (torch.zeros(1, 3, 8, 8, dtype=torch.complex64), "a tensor of torch.complex64 on"),
    (torch.zeros(1, 3, 8, 8, dtype=torch.float8_e4m3fn), "a tensor of torch.float8_e4m3fn on"),
    (torch.zeros(1, 3, 8, 8, dtype=torch.float8_e5m2), "a tensor of torch.float8_e5m2 on"),
    (torch.zeros(1, 3, 8, 8, device="meta"), "a tensor of torch.float32 on the device meta; convert it"),
    (torch.zeros(1, 3, 8, 8).to_sparse(), "a tensor of torch.sparse_coo on"),
    (torch.zeros(1, 3, 8, 8).to_mkldnn(), "a tensor of torch._mkldnn on"),
    (torch.nested.nested_tensor([torch.zeros(3, 8, 8)]), "a tensor of nested images on"),
    (
        torch.nested.nested_tensor([torch.zeros(3, 8), torch.zeros(2, 8)], layout=torch.jagged),
        "a tensor of nested images",
    ),
    (torch.tensor([0.0, torch.nan, -torch.inf]).reshape(1, 3, 1, 1), "holds 2 values that are NaN or infinite"),
    ("castle.png", r"the mask is a path; open it first: PIL.Image.open\('castle.png'\)"),
    (Path("a", "castle.png"), "the mask is a path; open it first"),
    (b"castle.png", "the mask is a bytes; give a tensor, an array or a picture of Pillow"),
    (np.zeros(3), r"the mask has the shape \(3,\); an array is \(height, width, 3\)"),
    (np.zeros((4, 4, 3), dtype=np.int32), "the mask holds int32; give bytes, or floats in 0..1"),
    (np.array([["a"]]), "the mask holds <U1; give bytes"),
    (np.array([[None]]), "the mask holds object; give bytes"),
    (np.zeros((4, 4), dtype="datetime64[s]"), r"the mask holds datetime64\[s\]; give bytes"),
    (np.zeros((4, 4, 3), dtype=complex), "the mask holds complex128; give bytes"),
)


def test_images_may_be_given_in_any_form_and_photographs_are_turned_as_they_say() -> None:
    bytes_ = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = torch.from_numpy(bytes_).permute(2, 0, 1)[None] / 255
    frozen = bytes_.copy()
    frozen.flags.writeable = False
    floats: list[Any] = [(bytes_ / 255).astype(kind) for kind in (">f4", np.longdouble)]
    for given in (bytes_, frozen, bytes_ / 255, *floats, bytes_[None], Image.fromarray(bytes_), expected[0]):
        torch.testing.assert_close(check_images(given, "it"), expected)
    grey = bytes_[..., 0]
    for plain in (grey, grey / 255, Image.fromarray(grey)):
        torch.testing.assert_close(check_images(plain, "it"), expected[:, :1].expand(-1, 3, -1, -1))
    picture = Image.fromarray(bytes_)
    picture.getexif()[0x0112] = 6
    assert check_images(picture, "it").shape == (1, 3, 30, 20)
    # A tensor passes as it is, but for its graph, with values outside 0..1 and of any precision.
    images = (2 * expected.half()).clone()
    assert check_images(images, "it") is images
    checked = check_images(images.requires_grad_(), "it")
    assert not checked.requires_grad
    assert torch.equal(checked, images)


@each_case("shape", (40, 60), (10, 30), (30, 10), (20, 31), (17, 33), (80, 80))
def test_cover_is_resizing_and_cutting_by_pil(shape: Shape) -> None:
    # Hard edges, at which bicubic resizing overshoots.
    image, (height, width) = noise(40, 61).round(), shape
    factor = max(height / 40, width / 61)
    rows, columns = max(height, round(40 * factor)), max(width, round(61 * factor))
    top, left = (rows - height) // 2, (columns - width) // 2
    whole = resize_by_pil(image, rows, columns, Image.Resampling.BICUBIC)
    covered = resize_to_cover(image, shape)
    np.testing.assert_allclose(covered[0].numpy(), whole[:, top : top + height, left : left + width], atol=1e-4)
    # A mask too, and each image of a batch by itself.
    both = resize_to_cover(torch.cat([image, 1 - image]), shape)
    torch.testing.assert_close(both[:1], covered)
    torch.testing.assert_close(resize_to_cover(image[:, :1], shape), covered[:, :1])


def test_what_has_the_right_size_is_cut_and_not_resized() -> None:
    image = noise(20, 30, 2)
    assert torch.equal(resize_to_cover(image, (20, 20)), image[:, :, :, 5:25])
    assert torch.equal(resize_to_cover(image, (10, 30)), image[:, :, 5:15])
    assert torch.equal(fit_square(image, 20), image[:, :, :, 5:25])
    assert torch.equal(fit_square(image[:, :, :, :20], 20, "squash"), image[:, :, :, :20])


@each_case("size", (1, 1), (50, 1), (1, 40_000), (40_000, 1), (2, 9_000))
def test_cover_takes_any_size_without_making_all_of_a_strip_large(size: Shape) -> None:
    strip = noise(*size)
    with PeakBytes() as made:
        covered = resize_to_cover(strip, (224, 224))
    assert covered.shape == (1, 3, 224, 224)
    assert made.peak <= 4 * 3 * 8 * 224 * 224
    # A square picture of the strip is its middle: of one row, one pixel of it.
    if min(size) == 1 and max(size) != 50:
        middle = strip[:, :, (size[0] - 1) // 2, (size[1] - 1) // 2]
        torch.testing.assert_close(covered, middle[:, :, None, None].expand_as(covered))


@each_case("shape", (40, 60), (41, 33))
@each_case("interpolation", "bicubic", "bilinear")
def test_a_square_is_the_middle_or_all_of_an_image_resized_by_pil(shape: Shape, interpolation: Any) -> None:
    image, side = noise(*shape).round(), min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    middle = image[:, :, top : top + side, left : left + side]
    parts: tuple[tuple[Fit, Tensor], ...] = (("shortest", middle), ("squash", image))
    for fit, part in parts:
        square = fit_square(image.double(), 24, fit, interpolation)
        assert square.dtype == torch.float32
        expected = resize_by_pil(part, 24, 24, Image.Resampling[interpolation.upper()])
        np.testing.assert_allclose(square[0].numpy(), expected, atol=1e-5)


@each_case(("margin", "mode"), (0, "reflect"), (15, "reflect"), (16, "edge"), (40, "edge"))
def test_a_margin_mirrors_the_picture_or_repeats_the_border_of_one_that_is_no_larger(margin: int, mode: Any) -> None:
    image = noise(16, 24, 2) * 1.5
    expected = np.pad(image.clamp(0, 1), ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode=mode)
    np.testing.assert_array_equal(place_on_canvas(image.double(), (16, 24), margin).numpy(), expected)


@each_case("limit", 0, 2000)
@each_case("from_comfyui", False, True)
def test_large_images_are_resized_in_parts_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, limit: int, from_comfyui: bool
) -> None:
    images = torch.rand(2, 60, 80, 3, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)
    images = images if from_comfyui else images.contiguous()

    def run() -> list[Tensor]:
        return [fit_square(images, 32), place_on_canvas(images, (50, 90), 8)]

    whole = run()
    monkeypatch.setattr("das_core.common.images._MOST_AT_ONCE", limit)
    assert all(torch.equal(one, other) for one, other in zip(run(), whole, strict=True))
    assert assert_ends_anywhere(run) >= 12
