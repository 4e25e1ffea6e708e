"""What is asked of the answer of a denoiser."""

import torch
from torch import Tensor

from cases import refuses
from das_core.denoisers.base import ask_denoiser

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


test_anything_but_pixels_of_the_same_size_is_refused_by_name = refuses(
    lambda answer: ask_denoiser(Answering(answer), PIXELS, 0.1),
    (PIXELS[..., 1:], r"'odd one' answers \(1, 3, 4, 5\) .* with \(1, 3, 4, 4\)"),
    (None, "with NoneType"),
    (PIXELS * 255, "values from 128 to 128"),
    (PIXELS * 2 - 2, "values from -1 to -1"),
    (torch.full_like(PIXELS, torch.nan), "values from nan to nan"),
    (torch.full_like(PIXELS, torch.inf), "values from inf to inf"),
    (PIXELS > 0, r"\(torch.bool, .* as a dense tensor of floating-point numbers"),
    (PIXELS.to_sparse(), "torch.sparse_coo"),
    (PIXELS.to("meta"), "on cpu.*on meta"),
)
