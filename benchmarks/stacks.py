"""Stacks: ascents that continue a saved stack, damaged files, slopes of spectra, and frozen bands."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import skimage.data
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.models.sources.starters import load_starter
from das_core.objectives.classes import class_objective
from das_core.report.spectrum import measure_spectrum
from das_core.stack.bands import FINEST
from das_core.stack.edit import edit_stack
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

# The optimizers whose ascents are continued. None has a setting that changes during an ascent, see `climb_stack`.
OPTIMIZERS: dict[str, Optimizer] = {
    "ascent, momentum 0.5": NormalizedAscent(momentum=0.5, coarse_to_fine=0.0, tilt=0.0),
    "sgd, momentum 0.9": SGD(0.1, 0.9),
    "adam": Adam(),
}
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
MUTANTS = 1000


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    return "\n\n".join((measure_continuation(), measure_damage(), measure_slopes(), measure_freezing()))


def climb_stack(stack: ImageStack, optimizer: Optimizer, steps: int) -> ImageStack:
    """Return a stack after some steps toward a class of the starter model, with views of 64 x 64 pixels."""
    starter = replace(load_starter(), size=64)
    wish = class_objective(starter, 107, "logit")
    views = Augmentation(4, Windows(16))
    # Two ascents of three steps equal one of six steps only if no setting changes during an ascent. A focus, a falling
    # strength of the denoiser, a coarse part and a tilt of the optimizer change. So this ascent has no focus and a
    # constant strength, and the optimizers of `OPTIMIZERS` have neither a coarse part nor a tilt.
    steady = Denoising(strength=0.05, end=0.05)
    ascent = Ascent(
        stack, [wish], views, steps=steps, optimizer=optimizer, schedule="constant", focus=None, denoising=steady
    )
    return ascent.run().stack


def measure_continuation() -> str:
    """Return a table that says whether an ascent of six steps and two ascents of three steps give the same bits."""
    lines = ["Six steps, and three, saved, loaded and three more (starter model, 64 x 64, margin 16):", ""]
    lines += ["| optimizer | spectral | layers |", "|---|---|---|"]
    for name, optimizer in OPTIMIZERS.items():
        cells = []
        for method in get_args(OperatorForm):
            start = ImageStack.noise(StackSpec(64, 64, 16, method=method))
            through = climb_stack(start, optimizer, 6)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "half.safetensors"
                save_stack(climb_stack(start, optimizer, 3), path)
                rest = climb_stack(load_stack(path), optimizer, 3)
            cells.append("the same bits" if torch.equal(rest.canvas, through.canvas) else "differs")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_damage() -> str:
    """Damage copies of a stack file, and return a line that says how many of them are loaded and how many are
    refused."""
    draw = random.Random(0)
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.safetensors"
        save_stack(ImageStack.noise(StackSpec(32, 32, 8)), path)
        content = path.read_bytes()
        for number in range(MUTANTS):
            changed = bytearray(content)
            if number % 4 == 3:
                changed = changed[: draw.randrange(len(changed))]
            else:
                # About half of the flips go to the header, which is only a small part of the file. The first 8 bytes
                # are the length of the rest of the header.
                header = 8 + int.from_bytes(content[:8], "little")
                for _ in range(1 + number % 3):
                    changed[draw.randrange(header if draw.random() < 0.5 else len(content))] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            counts[_outcome(path)] = counts.get(_outcome(path), 0) + 1
    told = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(counts.items()))
    return f"{MUTANTS} files with one to three bits flipped, or cut short: {told}."


def _outcome(path: Path) -> str:
    try:
        load_stack(path)
    except ValueError:
        return "an error that names the file"
    return "loaded"


def measure_slopes() -> str:
    """Return a table of the slopes of the power spectra of noise and photographs, see `measure_spectrum`."""
    lines = ["| image | slope | low band | high band |", "|---|---|---|---|"]
    images = {f"{name} noise, 512 x 512": noise(slope) for name, slope in (("white", 0), ("pink (1 / f²)", -2))}
    samples = load_sample_images()
    images |= {Path(n).stem: image for n, image in zip(samples.filenames, samples.images, strict=True)}
    images |= {name: getattr(skimage.data, name)() for name in PHOTOGRAPHS}
    for name, image in images.items():
        found = measure_spectrum(_tensor(image))
        values = (found.slope, found.low, found.high)
        lines.append(f"| {name} | {' | '.join(f'{value.item():.2f}' for value in values)} |")
    return "\n".join(lines)


def noise(slope: float) -> np.ndarray:
    """Return grey noise (512, 512), uint8; its power at the frequency f is proportional to `f ** slope`."""
    white = np.random.default_rng(0).standard_normal((512, 512))
    radius = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None, :])
    # The frequency 0 has no place in a power law; its factor becomes 1.
    radius[0, 0] = 1
    shaped = np.fft.ifft2(np.fft.fft2(white) * radius ** (slope / 2)).real
    return np.clip(128 + 30 * (shaped - shaped.mean()) / shaped.std(), 0, 255).astype(np.uint8)


def _tensor(image: np.ndarray) -> Tensor:
    rgb = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image[..., :3]
    return torch.from_numpy(rgb.copy()).movedim(-1, 0)[None].float() / 255


def measure_freezing() -> str:
    """Return a line about ascents of six steps with a frozen band."""
    stack = climb_stack(ImageStack.noise(StackSpec(64, 64, 16)), NormalizedAscent(), 6)
    basis = stack.spec.operator(torch.device("cpu")).basis
    parts = []
    for name, band, low in (("1-16", (1, 16), True), ("17-", (17, FINEST), False)):
        change = climb_stack(edit_stack(stack, freeze=[band]), NormalizedAscent(), 6).canvas - stack.canvas
        power = basis.forward(change).square()
        # The band 1-16 consists of the first 16 cosine waves along each axis, and the band 17- of all others.
        share = power[..., :16, :16].sum() / power.sum()
        parts.append(f"{float(share if low else 1 - share):.0e} with {name} frozen")
    return f"Of the power of what six steps change, in the frozen band: {', '.join(parts)}."
