"""A network as a denoiser: sizes, what its strength means, tiles, and answers that are none."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.denoisers.network import NetworkDenoiser
from toys import NOISY


def blur(pixels: Tensor, strength: float = 0.0) -> Tensor:
    """A network that looks two pixels far, with mirrored edges."""
    return F.avg_pool2d(F.pad(pixels, (2, 2, 2, 2), mode="reflect"), 5, 1)


@each_case("factor", [2, 3, 4])
def test_what_a_network_enlarges_is_reduced_to_the_mean_of_the_pixels_that_one_became(factor: int) -> None:
    enlarge = NetworkDenoiser(lambda pixels, _: pixels.repeat_interleave(factor, 2).repeat_interleave(factor, 3), "x")
    torch.testing.assert_close(enlarge(NOISY, 0.5), NOISY)


def test_no_value_moves_further_than_three_strengths_unless_the_network_is_given_the_strength() -> None:
    denoiser = NetworkDenoiser(blur, "blur")
    moved = denoiser(NOISY, 0.01) - NOISY
    assert float(moved.abs().max()) == pytest.approx(0.03, rel=1e-5)
    free = (blur(NOISY) - NOISY).abs() < 0.03
    torch.testing.assert_close(moved[free], (blur(NOISY) - NOISY)[free], atol=1e-6, rtol=0)
    asked: list[float] = []

    def ask(pixels: Tensor, strength: float) -> Tensor:
        asked.append(strength)
        return torch.zeros_like(pixels)

    assert NetworkDenoiser(ask, "zero", knows_strength=True)(NOISY, 0.01).abs().max() == 0
    assert asked == [0.01]


@each_case("side", [16, 40])
def test_a_tile_has_no_edge_also_where_it_is_smaller_than_what_a_network_sees(side: int) -> None:
    pixels = torch.rand(1, 3, side, side + 4, generator=torch.Generator().manual_seed(1))
    denoiser = NetworkDenoiser(blur, "blur", knows_strength=True)
    turned = denoiser(pixels.roll((5, 9), (2, 3)), 0.1, tile=True).roll((-5, -9), (2, 3))
    torch.testing.assert_close(denoiser(pixels, 0.1, tile=True), turned)


def test_nothing_is_remembered_for_gradients_and_what_comes_in_is_not_changed() -> None:
    before, weight = NOISY.clone(), torch.ones(1, requires_grad=True)
    answer = NetworkDenoiser(lambda pixels, _: blur(pixels) * weight, "blur")(NOISY, 0.1)
    assert not answer.requires_grad
    assert torch.equal(NOISY, before)


BAD: dict[str, Callable[[Tensor], Any]] = {
    "no model of images": lambda pixels: None,
    r"with \(3, \d+, \d+\): it is no model": lambda pixels: pixels[0],
    r"\(1, 1, .*no model of images": lambda pixels: pixels[:, :1],
    "two, three or more times": lambda pixels: pixels[..., 1:],
    "must be the same, or two": lambda pixels: F.interpolate(pixels, scale_factor=(2, 3)),
    "with a dense tensor of torch.bool": lambda pixels: pixels > 0,
    "the size must be the same": lambda pixels: F.avg_pool2d(pixels, 2),
    # Clamped to three times the strength, these would pass for pixels.
    "with values from .* to inf, which are no pixels": lambda pixels: pixels / 0,
    r"with values from 1e\+30 to 1e\+30": lambda pixels: torch.full_like(pixels, 1e30),
}


@each_case(("says", "network"), list(BAD.items()))
def test_an_answer_of_another_kind_is_refused_by_name(says: str, network: Callable[[Tensor], Any]) -> None:
    with pytest.raises(ValueError, match=f"the denoiser 'odd one' answers .*{says}"):
        NetworkDenoiser(lambda pixels, _: network(pixels), "odd one")(NOISY[:1], 0.1)
