"""How far objectives lead a diffusion model whose answer is an exact formula, and what a guided step costs.

Lite0 guides, Lite2 judges. The pictures are plain surfaces with the spectrum of photographs, so nothing of a class is
in them before.
"""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.exact_denoiser import ExactDenoiser, falling_levels, plain_pictures
from das_core.ascent.guidance import Guidance
from das_core.ascent.guided_steps import GuidedSteps
from das_core.ascent.pace import pace_at_noise
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.classes import ClassObjective
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

SIDE, SEEDS, STEPS = 96, 10, 15
WISH = "jellyfish"
VIEWS = Augmentation(views=4, windows=Windows(jitter=24))
HIGHEST, LOWEST = 9.0, 0.6
"""About the noise levels of 0.1 and 0.8 of the sampling in Stable Diffusion, the defaults of Guide Diffusion."""

SDXL_STEP, DECODE, ENCODE, JUDGE = 13.5, 10.5, 4.9, 0.9
"""Operations in units of 10^12 (a multiplication and an addition are two): a step of SDXL at 1024 x 1024 with both
conditions; its VAE; three steps of ascent with 16 views under a ViT-B-32. The first three were counted by PyTorch's
FlopCounterMode on ComfyUI's own modules."""


@dataclass(frozen=True)
class Sampled:
    """Pictures (B, 3, H, W), 0..1, and the seconds of all steps and of the part of them that guides."""

    pictures: Tensor
    seconds: float
    guiding: float
    guided: int


def sample(guidance: Guidance | None, steps: GuidedSteps, seeds: Sequence[int] = range(SEEDS)) -> Sampled:
    """Sample with Euler's method, guided as Guide Diffusion does with a VAE that changes nothing."""
    denoise = ExactDenoiser(plain_pictures(SIDE))
    levels = falling_levels(STEPS)
    noise = [torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    latent = torch.stack(noise) * levels[0]
    guiding, guided, begin = 0.0, 0, time.perf_counter()
    for sigma, after in itertools.pairwise(levels):
        expected = denoise(latent, sigma)
        step = steps.find(sigma, levels, HIGHEST, LOWEST) if guidance else None
        if guidance and step:
            own = time.perf_counter()
            pace = pace_at_noise(sigma, SIDE, step.progress)
            ascent = guidance.start_ascent((expected + 1) / 2, pace, step.number)
            before = ascent.stack.image()
            change = 2 * (ascent.run().image - before)
            expected = expected + guidance.scale_change(expected, change, ascent.picture_mask)
            guiding += time.perf_counter() - own
            guided += 1
        latent = expected + after / sigma * (latent - expected)
    return Sampled(((latent + 1) / 2).clamp(0, 1), time.perf_counter() - begin, guiding, guided)


def report() -> str:
    """Table of chances over strength, the cost here, and an estimate for a real model."""
    guide, judge = load_starter(), load_starter(SECOND_OPINION)
    wish = ClassObjective.from_text(guide, WISH)

    def ask(model: Classifier, pictures: Tensor) -> Tensor:
        return model.probabilities(pictures)[:, wish.targets[0][0]]

    plain = sample(None, GuidedSteps())
    before = ask(judge, plain.pictures)
    lines = [
        f"A model whose answer is a formula, {SEEDS} pictures of {SIDE} x {SIDE}, {STEPS} steps, guided towards "
        f"'{WISH}' by EfficientNet-Lite0 between 0.1 and 0.8 of the sampling, with {VIEWS.views} views and 3 steps of "
        "ascent. *Change* is the root mean square of what differs from the unguided picture:",
        "",
        "| strength | every | guided steps | Lite2: mean probability | highest | rises for | Lite0 | change |",
        "|---|---|---|---|---|---|---|---|",
        f"| 0 | | 0 | {before.mean():.4f} | {before.max():.4f} | | {ask(guide, plain.pictures).mean():.4f} | 0 |",
    ]
    costs = []
    for strength, every in ((0.5, 1), (1.0, 1), (2.0, 1), (4.0, 1), (1.0, 3), (2.0, 3), (4.0, 3)):
        led = sample(Guidance((wish,), VIEWS, strength=strength), GuidedSteps(every=every))
        after = ask(judge, led.pictures)
        change = (led.pictures - plain.pictures).square().mean().sqrt()
        lines.append(
            f"| {strength:g} | {every} | {led.guided} | {after.mean():.4f} | {after.max():.4f} | "
            f"{int((after > before).sum())} of {SEEDS} | {ask(guide, led.pictures).mean():.4f} | {change:.3f} |"
        )
        costs.append(led.guiding / led.guided / SEEDS)
    each = sorted(costs)[len(costs) // 2]
    added = DECODE + 2 * ENCODE + JUDGE
    lines += [
        "",
        f"The ascent of a guided step took {1000 * each:.0f} ms a picture here, a step of the formula "
        f"{1000 * plain.seconds / STEPS / SEEDS:.1f} ms.",
        "",
        "On paper, for SDXL at 1024 x 1024, in operations of 10^12: a step of the sampler with both conditions "
        f"{SDXL_STEP}; a guided step adds {added:.1f}: decoding {DECODE}, encoding twice {2 * ENCODE:.1f}, three steps "
        f"of ascent with 16 views under a ViT-B-32 {JUDGE}. So it takes the work of {1 + added / SDXL_STEP:.1f} steps. "
        "Of 30 steps 21 lie between 0.1 and 0.8 where noise levels are spread evenly. If the VAE runs half as "
        "efficiently as the rest, which is not rare, it counts twice:",
        "",
        "| every | guided | times the unguided run | with a VAE half as efficient |",
        "|---|---|---|---|",
    ]
    for every in (1, 2, 3, 6):
        count = -(-21 // every)
        times = [1 + count * more / SDXL_STEP / 30 for more in (added, added + DECODE + 2 * ENCODE)]
        lines.append(f"| {every} | {count} | {times[0]:.2f} | {times[1]:.2f} |")
    return "\n".join(lines)
