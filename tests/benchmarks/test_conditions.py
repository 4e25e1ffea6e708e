"""Pictures from afar and in grey, against Pillow."""

import numpy as np
import torch
from PIL import Image

from benchmarks.common import load_photograph
from benchmarks.conditions import remove_colour, view_from_afar
from cases import each_case
from plain_judges import noise, resize_by_pillow


@each_case(
    ("height", "width", "small"),
    [(224, 224, (64, 64)), (96, 160, (64, 107)), (200, 65, (197, 64)), (65, 64, None), (40, 300, None)],
)
def test_from_afar_is_what_pillow_makes_of_64_pixels(height: int, width: int, small: tuple[int, int] | None) -> None:
    # Hard edges, so that both resizings overshoot and clamping counts.
    images = (noise(2, 3, height, width) > 0.5).float()
    seen = view_from_afar(images)
    assert seen.shape == images.shape
    if small is None:
        assert torch.equal(seen, images)
        return
    for image, shown in zip(images.numpy(), seen.numpy(), strict=True):
        for channel, found in zip(image, shown, strict=True):
            shrunk = resize_by_pillow(channel, small[1], small[0])
            np.testing.assert_allclose(found, resize_by_pillow(shrunk, width, height), atol=5e-5)
    assert not torch.equal(seen, images)
    assert float(seen.min()) >= 0
    assert float(seen.max()) <= 1


def test_from_afar_values_stay_in_the_range_of_a_picture() -> None:
    step = torch.zeros(1, 3, 128, 128)
    step[..., 64:] = 1
    seen = view_from_afar(step)
    assert (float(seen.min()), float(seen.max())) == (0, 1)


def test_grey_is_the_luminance_of_rec_601_as_pillow_has_it_in_three_equal_channels() -> None:
    images = noise(2, 3, 30, 50)
    red, green, blue = images.double().numpy().transpose(1, 0, 2, 3)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    grey = remove_colour(images)
    assert grey.shape == images.shape
    for channel in range(3):
        np.testing.assert_allclose(grey[:, channel].numpy(), expected, atol=1e-6)
    assert float(remove_colour(torch.ones(1, 3, 4, 4)).max()) <= 1
    photograph = load_photograph("coffee")
    pixels = (photograph[0] * 255).round().byte().movedim(0, -1).numpy()
    by_pillow = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float64)
    np.testing.assert_allclose(remove_colour(photograph)[0, 0].numpy() * 255, by_pillow, atol=0.51)
