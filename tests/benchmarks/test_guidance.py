"""The report on guidance: its noise levels are those of Stable Diffusion, its counts those of the node's defaults."""

import pytest
import torch
from torch import Tensor

from benchmarks.exact_denoiser import falling_levels
from benchmarks.guidance import ENDS, HIGHEST, REAL_STEPS, USUAL_EVERY, count_guided
from das_core.ascent.guidance import GuidedSteps
from repository import REPOSITORY


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


def test_noise_levels_are_those_of_stable_diffusion_and_the_usual_every_is_the_default_of_the_node() -> None:
    assert pytest.approx(level_at(default_of("start_percent")), rel=0.01) == HIGHEST
    assert {level: end for level, end in ENDS.items() if level == 0} == {0.0: f"{default_of('end_percent'):g}"}
    for level, end in ENDS.items():
        assert level == 0 or level == pytest.approx(level_at(float(end)), rel=0.03)
    assert default_of("every") == USUAL_EVERY


def test_as_many_steps_are_guided_as_in_a_run_of_stable_diffusion() -> None:
    trained, start = trained_levels(), default_of("start_percent")
    levels = falling_levels(REAL_STEPS, float(trained[-1]), float(trained[0]))
    for every, expected in ((1, 26), (2, 13), (3, 9), (4, 7), (7, 4)):
        steps = GuidedSteps(start, default_of("end_percent"), every)
        assert sum(steps.find(level, levels, level_at(start), 0.0) is not None for level in levels[:-1]) == expected
        assert count_guided(every) == expected
