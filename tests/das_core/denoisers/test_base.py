"""What is asked of the answer of a denoiser, and what all denoisers have in common."""

from itertools import product

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.denoisers.base import Denoiser, ask_denoiser
from das_core.denoisers.bilateral import Bilateral
from das_core.denoisers.cosine_shrinkage import CosineShrinkage
from das_core.denoisers.non_local_means import NonLocalMeans
from das_core.denoisers.total_variation import TotalVariation
from noisy_ramp import NOISY
from stops import assert_ends_anywhere, count_looks

ALL: list[Denoiser] = [TotalVariation(), Bilateral(), NonLocalMeans(), CosineShrinkage()]
PIXELS = torch.full((1, 3, 4, 5), 0.5)


class Answering:
    name = "odd one"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        return self.answer  # type: ignore[return-value]


def test_an_answer_that_overshoots_a_little_or_is_in_half_precision_becomes_pixels() -> None:
    answer = torch.linspace(-0.1, 1.1, 60).reshape(PIXELS.shape)
    assert torch.equal(ask_denoiser(Answering(answer), PIXELS, 0.1), answer.clamp(0, 1))
    assert ask_denoiser(Answering(PIXELS.half()), PIXELS, 0.1).dtype == torch.float32


@each_case(
    ("answer", "says"),
    [
        (PIXELS[..., 1:], r"'odd one' answers \(1, 3, 4, 5\) with \(1, 3, 4, 4\)"),
        (PIXELS[:, :1], r"with \(1, 1, 4, 5\)"),
        (None, "with NoneType"),
        (PIXELS * 255, "values from 128 to 128"),
        (PIXELS * 2 - 2, "values from -1 to -1"),
        (torch.full_like(PIXELS, torch.nan), "values from nan to nan"),
        (torch.full_like(PIXELS, torch.inf), "values from inf to inf"),
        (PIXELS > 0, "a dense tensor of torch.bool: it must return a dense tensor of floating-point numbers"),
        (PIXELS.to(torch.complex64), "a dense tensor of torch.complex64"),
        (PIXELS.to_sparse(), "a sparse tensor of torch.float32"),
        (PIXELS.to("meta"), "answers on meta and the picture is on cpu"),
    ],
)
def test_anything_but_pixels_of_the_same_size_is_refused_by_name(answer: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask_denoiser(Answering(answer), PIXELS, 0.1)


@each_case("denoiser, scale, tile", product(ALL, [0.3, 1.0, 4.6], [False, True]))
def test_plain_colour_stays_and_noise_is_less(denoiser: Denoiser, scale: float, tile: bool) -> None:
    plain = torch.tensor([0.0, 0.4, 1.0]).reshape(1, 3, 1, 1).expand(2, 3, 18, 19)
    torch.testing.assert_close(denoiser(plain, 0.05, scale, tile), plain.contiguous(), atol=1e-5, rtol=0)
    noisy = NOISY[..., :8].mean(dim=(2, 3), keepdim=True) + (NOISY - NOISY.mean(dim=2, keepdim=True))
    assert denoiser(noisy, 0.05, scale, tile).std() < 0.85 * noisy.std()


@each_case("denoiser", ALL)
def test_an_edge_higher_than_the_strength_stays(denoiser: Denoiser) -> None:
    edge = torch.full((1, 3, 24, 24), 0.1)
    edge[..., 12:] = 0.9
    found = denoiser(edge, 0.03)
    assert float((found[..., 12] - found[..., 11]).min()) > 0.7


@each_case("denoiser", ALL)
def test_nothing_happens_at_strength_0_and_what_comes_in_is_not_changed(denoiser: Denoiser) -> None:
    before = NOISY.clone()
    assert torch.equal(denoiser(NOISY, 0.0), before)
    denoiser(NOISY, 0.1)
    assert torch.equal(NOISY, before)


@each_case("denoiser, tile", product(ALL, [False, True]))
def test_many_images_are_denoised_one_by_one_to_the_same_bits(
    denoiser: Denoiser, tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.rand(3, 3, 33, 40, generator=torch.Generator().manual_seed(0))
    whole = denoiser(images, 0.05, 1.6, tile)
    together = count_looks(lambda: denoiser(images, 0.05, 1.6, tile))
    monkeypatch.setattr("das_core.common.images._MOST_AT_ONCE", 0)
    assert torch.equal(denoiser(images, 0.05, 1.6, tile), whole)
    assert assert_ends_anywhere(lambda: denoiser(images, 0.05, 1.6, tile)) > 2 * together
