"""Guidance: the effect of objectives on a diffusion model that is an exact formula, and the time of a guided step.

EfficientNet-Lite0 guides, and EfficientNet-Lite2 judges. Without guidance the pictures show no class: they are blends
of two colours with texture that has the spectrum of photographs.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

import direct_ascent as da
from benchmarks.exact_denoiser import ExactDenoiser, falling_levels, plain_pictures
from das_core.ascent.guidance import Guidance, GuidedSteps
from das_core.ascent.pace import pace_at_noise
from das_core.models.sources.starters import SECOND_OPINION, STARTER, Starter, load_starter
from das_core.objectives.objective import Objective
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

SIDE, SEEDS, STEPS = 96, 10, 12
WISH = "jellyfish"
VIEWS, CLIMB = Augmentation(views=3, windows=Windows(jitter=24)), 2
# The noise level at which guiding begins. It is about the noise level of Stable Diffusion at 0.1, the default
# `start_percent` of the node Guide Diffusion.
HIGHEST = 8.3
# Noise levels at which guiding ends, each with its approximate `end_percent` in Stable Diffusion
ENDS = {0.0: "1", 0.23: "0.95"}
# Numbers of operations in units of 10^12; a multiplication and an addition count as two operations. `SDXL_STEP`: a step
# of SDXL at 1024 x 1024 with the positive and the negative prompt. `DECODE` and `ENCODE`: decoding and encoding once at
# that size with the VAE of SDXL. `JUDGE`: three steps of ascent, each with 16 views that a ViT-B-32 judges. The first
# three numbers were counted with PyTorch's FlopCounterMode on ComfyUI's own modules.
SDXL_STEP, DECODE, ENCODE, JUDGE = 13.5, 10.5, 4.9, 0.9
REAL_STEPS, USUAL_EVERY = 30, 3  # A usual number of sampling steps, and the default `every` of the node Guide Diffusion


@dataclass(frozen=True)
class Sampled:
    """The pictures and the times of a sampling run."""

    pictures: Tensor
    seconds: float
    guiding: float
    guided: int


def sample(
    guidance: Guidance | None, steps: GuidedSteps, seeds: Sequence[int] = range(SEEDS), lowest: float = 0.0
) -> Sampled:
    """Sample with Euler's method, and guide steps in the same way as the node Guide Diffusion."""
    denoise = ExactDenoiser(plain_pictures(SIDE))
    levels = falling_levels(STEPS)
    noise = [torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    latent = torch.stack(noise) * levels[0]
    guiding, guided, begin = 0.0, 0, time.process_time()
    for sigma, after in itertools.pairwise(levels):
        expected = denoise(latent, sigma)
        step = steps.find(sigma, levels, HIGHEST, lowest) if guidance else None
        if guidance and step:
            own = time.process_time()
            pace = pace_at_noise(sigma, SIDE, step.progress)
            ascent = guidance.start_ascent((expected + 1) / 2, pace, step.number)
            before = ascent.stack.image()
            change = 2 * (ascent.run().image - before)
            expected = expected + guidance.scale_change(expected, change, ascent.picture_mask)
            guiding += time.process_time() - own
            guided += 1
        latent = expected + after / sigma * (latent - expected)
    return Sampled(((latent + 1) / 2).clamp(0, 1), time.process_time() - begin, guiding, guided)


@cache
def sample_plain() -> Sampled:
    """Sample without guidance, and return the result. Later calls return the same result."""
    return sample(None, GuidedSteps())


def wish() -> Objective:
    """Return the objective that guides the sampling: the class `WISH` of the starter classifier."""
    return da.classes(WISH, "logit").on(load_starter())


def measure_chances(model: Starter, pictures: Tensor) -> Tensor:
    """Return the probability (B,) that a starter classifier gives to the class `WISH` for every picture."""
    classifier = load_starter(model)
    return classifier.probabilities(pictures)[:, classifier.labels.find(WISH)]


@dataclass(frozen=True)
class Row:
    """The results of one setting."""

    text: str
    seconds: float


def measure(strength: float, every: int = 1, lowest: float = 0.0) -> Row:
    """Sample guided pictures, and compare them with the unguided pictures."""
    guidance = Guidance(wish(), VIEWS, steps=CLIMB, strength=strength)
    led, plain = sample(guidance, GuidedSteps(every=every), lowest=lowest), sample_plain()
    before, after = (measure_chances(SECOND_OPINION, each.pictures) for each in (plain, led))
    guide = measure_chances(STARTER, led.pictures)
    change = (led.pictures - plain.pictures).square().mean().sqrt()
    text = (
        f"| {strength:g} | {every} | {ENDS[lowest]} | {led.guided} | {after.mean():.4f} | {after.median():.4f} | "
        f"{after.max():.4f} | {int((after > before).sum())} of {SEEDS} | {guide.mean():.4f} | {change:.3f} |"
    )
    return Row(text, led.guiding / led.guided / SEEDS)


# The arguments of `measure` (strength, every, lowest) for every row of the table
SETTINGS: Sequence[tuple[float, int, float]] = (
    (0.5, 1, 0.0),
    (1.0, 1, 0.0),
    (2.0, 1, 0.0),
    (4.0, 1, 0.0),
    (4.0, 3, 0.0),
    (2.0, 1, 0.23),
)


def count_guided(every: int) -> int:
    """Return how many of `REAL_STEPS` steps are guided with the default start and end of the node Guide Diffusion."""
    steps, levels = GuidedSteps(every=every), falling_levels(REAL_STEPS)
    # The default end is 1, which is the noise level 0.
    return sum(steps.find(level, levels, HIGHEST, 0.0) is not None for level in levels[:-1])


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    plain = sample_plain()
    before, guide = (measure_chances(model, plain.pictures) for model in (SECOND_OPINION, STARTER))
    rows = [measure(*setting) for setting in SETTINGS]
    each = sorted(row.seconds for row in rows)[len(rows) // 2]
    added = DECODE + 2 * ENCODE + JUDGE
    lines = [
        f"A model whose answer is a formula, {SEEDS} pictures of {SIDE} x {SIDE}, {STEPS} steps, guided towards "
        f"'{WISH}' by EfficientNet-Lite0 with {VIEWS.views} views and {CLIMB} steps of ascent, from 0.1 of the "
        "sampling on. *Change* is the root mean square of what differs from the unguided picture:",
        "",
        "| strength | every | end | guided steps | Lite2: mean probability | median | highest | rises for | Lite0 | "
        "change |",
        "|---|---|---|---|---|---|---|---|---|---|",
        f"| 0 | | | 0 | {before.mean():.4f} | {before.median():.4f} | {before.max():.4f} | | {guide.mean():.4f} | 0 |",
        *(row.text for row in rows),
        "",
        f"The ascent of a guided step took {1000 * each:.0f} ms of processor time a picture, an unguided step, which "
        f"is a formula here, {1000 * plain.seconds / STEPS / SEEDS:.1f} ms.",
        "",
        "On paper, for SDXL at 1024 x 1024, in operations of 10^12: a step of the sampler with both conditions "
        f"{SDXL_STEP}; a guided step adds {added:.1f}: decoding {DECODE}, encoding twice {2 * ENCODE:.1f}, three steps "
        f"of ascent with 16 views under a ViT-B-32 {JUDGE}. So it takes the work of {1 + added / SDXL_STEP:.1f} steps. "
        f"With Karras' noise levels, {count_guided(1)} of {REAL_STEPS} steps lie between the default start and end of "
        f"the node, and the default `every` {USUAL_EVERY} guides {count_guided(USUAL_EVERY)} of them. If the VAE runs "
        "half as efficiently as the rest, which is not rare, it counts twice:",
        "",
        "| every | guided | times the unguided run | with a VAE half as efficient |",
        "|---|---|---|---|",
    ]
    for every in (1, 2, 3, 4, 7):
        count = count_guided(every)
        works = (added, added + DECODE + 2 * ENCODE)
        times = [1 + count * more / SDXL_STEP / REAL_STEPS for more in works]
        lines.append(f"| {every} | {count} | {times[0]:.2f} | {times[1]:.2f} |")
    return "\n".join(lines)
