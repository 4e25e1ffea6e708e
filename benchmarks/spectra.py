"""Spectra: the slopes of the power spectra of noise and photographs, see `measure_spectrum`."""

from pathlib import Path

import numpy as np
import skimage.data
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

from das_core.report.spectrum import measure_spectrum

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
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
    radius[0, 0] = 1  # the frequency 0 has no place in a power law
    shaped = np.fft.ifft2(np.fft.fft2(white) * radius ** (slope / 2)).real
    return np.clip(128 + 30 * (shaped - shaped.mean()) / shaped.std(), 0, 255).astype(np.uint8)


def _tensor(image: np.ndarray) -> Tensor:
    rgb = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image[..., :3]
    return torch.from_numpy(rgb.copy()).movedim(-1, 0)[None].float() / 255
