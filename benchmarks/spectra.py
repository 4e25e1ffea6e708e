"""Spectra: the slopes of the power spectra of noise and photographs; the prior `spectrum` asks for a slope of -2."""

import math
from pathlib import Path

import numpy as np
import skimage.data
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

from das_core.common.images import LUMINANCE
from das_core.common.radial_power import radial_power

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    lines = ["| image | slope | low band | high band |", "|---|---|---|---|"]
    images = {f"{name} noise, 512 x 512": noise(slope) for name, slope in (("white", 0), ("pink (1 / f²)", -2))}
    samples = load_sample_images()
    images |= {Path(n).stem: image for n, image in zip(samples.filenames, samples.images, strict=True)}
    images |= {name: getattr(skimage.data, name)() for name in PHOTOGRAPHS}
    for name, image in images.items():
        lines.append(f"| {name} | {' | '.join(f'{slope:.2f}' for slope in measure_slopes(_tensor(image)))} |")
    return "\n".join(lines)


def noise(slope: float) -> np.ndarray:
    """Return grey noise (512, 512), uint8; its power at the frequency f is proportional to `f ** slope`."""
    white = np.random.default_rng(0).standard_normal((512, 512))
    radius = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None, :])
    radius[0, 0] = 1  # the frequency 0 has no place in a power law
    shaped = np.fft.ifft2(np.fft.fft2(white) * radius ** (slope / 2)).real
    return np.clip(128 + 30 * (shaped - shaped.mean()) / shaped.std(), 0, 255).astype(np.uint8)


def measure_slopes(image: Tensor) -> list[float]:
    """Return the slopes of log power over log frequency of an image (1, 3, H, W), 0..1: over all frequencies from three
    waves across the short side on, and of these below and from 1/8 wave per pixel on. Power is measured four times an
    octave."""
    below = math.floor(math.log2(min(image.shape[2:]) / 8 / 3) * 4)
    edges = tuple(2 ** (number / 4) / 8 for number in range(-below, 9))
    luma = (image.double() * torch.tensor(LUMINANCE, dtype=torch.float64)[:, None, None]).sum(dim=1)
    (power,), frequency = radial_power(luma, edges)
    low = frequency < 1 / 8
    bands = (torch.ones_like(low), low, ~low)
    return [float(np.polyfit(frequency[band].log(), power[band].log(), 1)[0]) for band in bands]


def _tensor(image: np.ndarray) -> Tensor:
    rgb = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image[..., :3]
    return torch.from_numpy(rgb.copy()).movedim(-1, 0)[None].float() / 255
