"""The report on guidance: a diffusion model whose answer is a formula, noise levels, and counts of guided steps."""

import pytest
import torch
from torch import Tensor

from benchmarks.exact_denoiser import ExactDenoiser, falling_levels, plain_pictures
from benchmarks.guidance import REAL_STEPS, count_guided
from das_core.ascent.guidance import GuidedSteps
from repository import REPOSITORY

SIDE = 16


def drawn(deviation: float, count: int, mean: torch.Tensor) -> torch.Tensor:
    """Pictures of one component, drawn by the square root of its covariance, which the formula never computes."""
    model = ExactDenoiser(mean[None], deviation)
    white = torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    shaped = torch.fft.ifft2(torch.fft.fft2(white, norm="ortho") * model._power.sqrt(), norm="ortho").real
    return mean + torch.einsum("ji,bjhw->bihw", model._colors, shaped)


def test_without_noise_the_answer_is_the_picture_and_in_noise_alone_the_mean_of_all() -> None:
    assert float(drawn(0.3, 400, torch.zeros(3, SIDE, SIDE)).square().mean().sqrt()) == pytest.approx(0.3, rel=0.05)
    means = plain_pictures(SIDE)
    model = ExactDenoiser(means)
    pictures = drawn(0.3, 2, means[0])
    torch.testing.assert_close(model(pictures, 1e-4), pictures, rtol=0, atol=1e-3)
    far = model(torch.zeros(1, 3, SIDE, SIDE), 1e4)
    torch.testing.assert_close(far[0], means.mean(dim=0), rtol=0, atol=1e-2)


def test_no_other_guess_is_nearer_to_the_pictures_behind_the_noise() -> None:
    means = plain_pictures(SIDE)
    pictures = torch.cat([drawn(0.3, 200, mean) for mean in means])
    sigma = 0.8
    noisy = pictures + sigma * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(2))
    answer = ExactDenoiser(means)(noisy, sigma)
    error = (answer - pictures).square().mean()
    # A mean is where no change lowers the mean square error: scaled, moved, or with other beliefs.
    for other in (1.05 * answer, 0.95 * answer, answer + 0.02, ExactDenoiser(means, 0.4)(noisy, sigma)):
        assert (other - pictures).square().mean() > error
    assert (ExactDenoiser(means[:1])(noisy, sigma) - pictures).square().mean() > error


def test_levels_fall_from_the_highest_to_the_lowest_and_0() -> None:
    levels = falling_levels(5, 10.0, 0.1)
    assert levels == sorted(levels, reverse=True)
    assert [levels[0], levels[-2], levels[-1]] == pytest.approx([10.0, 0.1, 0.0])


def default_of(name: str) -> float:
    """Return the default of an input of Guide Diffusion, as its help page gives it."""
    page = (REPOSITORY / "web" / "docs" / "DAS_GuideDiffusion.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    return float(row.rstrip(" |").rpartition("|")[2])


def trained_levels() -> Tensor:
    """Return the 1000 noise levels on which Stable Diffusion was trained, rising."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
    kept = (1 - betas).cumprod(0)
    return ((1 - kept) / kept).sqrt()


def level_at(percent: float) -> float:
    """Return the noise level at a share of the way from noise to picture, below 1, as ComfyUI computes it."""
    place, logarithms = (1 - percent) * 999, trained_levels().log()
    return float(torch.lerp(logarithms[int(place)], logarithms[int(place) + 1], place % 1).exp())


def test_as_many_steps_are_guided_as_in_a_run_of_stable_diffusion() -> None:
    trained, start = trained_levels(), default_of("start_percent")
    levels = falling_levels(REAL_STEPS, float(trained[-1]), float(trained[0]))
    for every, expected in ((1, 26), (2, 13), (3, 9), (4, 7), (7, 4)):
        steps = GuidedSteps(start, default_of("end_percent"), every)
        assert sum(steps.find(level, levels, level_at(start), 0.0) is not None for level in levels[:-1]) == expected
        assert count_guided(every) == expected
