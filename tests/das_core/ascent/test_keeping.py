"""Holding on to a photograph."""

from itertools import product

import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.keeping import hold_on


def _draw(height: int = 60, width: int = 90, batch: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_an_even_change_is_held_by_the_factor_of_its_strength() -> None:
    kept = torch.full((1, 3, 48, 48), 0.5)
    for change, threshold in ((0.2, 0.1), (-0.3, 0.1), (0.1, 0.001)):
        held = hold_on(kept + change, kept, torch.full_like(kept, change), threshold)
        torch.testing.assert_close(held, kept + change * (1 - (threshold / change) ** 2))


def test_what_changed_less_than_the_threshold_is_kept_bit_for_bit() -> None:
    kept = _draw()
    pixels = kept + 0.01 * (_draw(seed=1) - 0.5)
    assert torch.equal(hold_on(pixels, kept, pixels - kept, 0.05), kept)
    assert torch.equal(hold_on(kept, kept, kept - kept, 0.05), kept)


def test_a_spot_stays_and_a_haze_goes() -> None:
    kept = _draw(120, 160)
    haze = 0.02 * (_draw(120, 160, seed=1) - 0.5)
    pixels = kept + haze
    pixels[..., 40:80, 60:100] = 1 - kept[..., 40:80, 60:100]
    held = hold_on(pixels, kept, pixels - kept, 0.03)
    inside, outside = (slice(45, 75), slice(65, 95)), (slice(0, 30), slice(0, 50))
    torch.testing.assert_close(held[..., *inside], pixels[..., *inside], atol=0.02, rtol=0)
    assert torch.equal(held[..., *outside], kept[..., *outside])


@each_case(
    "shape, threshold, tile", [((60, 90), 0.3, False), *product([(16, 16), (16, 300), (5, 7)], [0.2], [False, True])]
)
def test_every_result_lies_between_its_two_pictures_however_small_or_narrow(
    shape: tuple[int, int], threshold: float, tile: bool
) -> None:
    kept, pixels = _draw(*shape), _draw(*shape, seed=1)
    held = hold_on(pixels, kept, pixels - kept, threshold, tile)
    assert held.shape == pixels.shape
    assert bool(held.isfinite().all())
    lower, upper = torch.minimum(kept, pixels), torch.maximum(kept, pixels)
    assert bool(((held >= lower - 1e-6) & (held <= upper + 1e-6)).all())
    assert bool((held != kept).any())
    assert bool((held != pixels).any())
    # Images of a batch do not depend on each other.
    alone = hold_on(pixels[1:], kept[1:], (pixels - kept)[1:], threshold, tile)
    torch.testing.assert_close(held[1:], alone)


def test_on_a_tile_a_shift_of_both_pictures_shifts_the_result() -> None:
    kept = _draw(64, 64)
    pixels = kept.clone()
    pixels[..., :12, :10] = 1 - pixels[..., :12, :10]

    def move(images: Tensor) -> Tensor:
        return images.roll((32, 32), dims=(2, 3))

    def measure_difference(tile: bool) -> float:
        moved = hold_on(move(pixels), move(kept), move(pixels - kept), 0.2, tile)
        return float((move(hold_on(pixels, kept, pixels - kept, 0.2, tile)) - moved).abs().max())

    assert measure_difference(tile=True) < 1e-5
    assert measure_difference(tile=False) > 0.01
