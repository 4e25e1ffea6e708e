"""Radial power spectra of images and variances of the levels of stacks, and how steeply they fall.

The power of photographs falls with the frequency f about as 1 / f^2 (Field, 1987; Torralba and Oliva, 2003), in
close-ups faster. Pictures made by ascent tend to lack power in the top octaves: so the slope is also measured in two
bands. The variance of levels falls as a power law, of exponent -2.48 in Direct Ascent Synthesis.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.images import LUMINANCE, Images, check_images
from ..common.interruption import pausing
from ..common.radial_power import radial_power
from ..stack.decomposition import decompose
from ..stack.image_stack import ImageStack

PHOTOGRAPH_SLOPE = -2.0  # The slope of log power over log frequency in photographs of scenes.
BAND_EDGE = 1 / 8  # In waves per pixel, between the low band and the high band, the two finest octaves.

_SMALLEST_IMAGE = 64

# The lowest measured frequency, in waves across the short side. Lower ones have few Fourier coefficients, and the Hann
# window mixes them with frequency 0, which is removed with the mean.
_MIN_WAVES = 3
_BINS_PER_OCTAVE, _MAX_FREQUENCY = 4, 0.5

_MIN_BRIGHTNESS_RANGE = 1e-5  # Smaller variations, of about 1/400 of a step of an 8-bit image, are rounding errors.
_MIN_LEVEL_SAMPLES = 4  # On the short side of a level; fewer give no reliable variance.
Levels = tuple[Tensor, Tensor]  # Resolutions (N,) and variances (B, N), as `measure_level_variances` returns them.


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The radial power spectra of B images in R rings of the frequency plane."""

    frequency: Tensor  # The middle frequency of each ring, (R,), in waves per pixel, rising, at most 0.5.
    power: Tensor  # The mean power of each image in each ring, (B, R).
    # The slope of log power over log frequency, (B,): about -2 for photographs, nearer to 0 with more detail.
    slope: Tensor
    low: Tensor  # The slope below 1/8 wave per pixel, (B,).
    high: Tensor  # The slope from 1/8 wave per pixel on, (B,).


def measure_spectrum(images: Images) -> Spectrum:
    """Measure the spectrum of the brightness of images under a Hann window: float64, on the CPU.

    Args:
        images: (B, 3, H, W), 0..1, at least 64 pixels wide and high.

    Example:
        >>> import torch
        >>> from das_core import measure_spectrum
        >>> noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> smooth = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)
        >>> [round(measure_spectrum(images).high.item(), 1) for images in (noise, smooth)]
        [-0.1, -3.6]
    """
    images = check_images(images, "the image")
    height, width = images.shape[2:]
    if min(height, width) < _SMALLEST_IMAGE:
        raise ValueError(
            f"the image of {width} x {height} is too small for a spectrum; {_SMALLEST_IMAGE} pixels will do"
        )
    below = math.floor(math.log2(BAND_EDGE * min(height, width) / _MIN_WAVES) * _BINS_PER_OCTAVE)
    above = round(math.log2(_MAX_FREQUENCY / BAND_EDGE) * _BINS_PER_OCTAVE)
    edges = tuple(BAND_EDGE * 2 ** (number / _BINS_PER_OCTAVE) for number in range(-below, above + 1))
    # One image at a time, because it takes several times its memory in float64.
    found = [radial_power(_measure_luma(image), edges) for image in pausing(images.split(1))]
    power, frequency = torch.cat([power for power, _ in found]), found[0][1]
    low = frequency < BAND_EDGE
    bands = (torch.ones_like(low), low, ~low)
    slopes = [fit_slope(frequency[band], power[:, band]) for band in bands]
    return Spectrum(frequency, power, *slopes)


def estimate_spectrum_bytes(height: int, width: int) -> int:
    """Return about how many bytes `measure_spectrum` takes for images of this size, however many there are."""
    # Brightness, its copy under the window, coefficients and the memory of the transform; and 6 bytes for the rings.
    return 40 * height * width


def _measure_luma(image: Tensor) -> Tensor:
    """Return the brightness of an image (1, 3, H, W), as (1, H, W), float64, on the CPU."""
    luma = torch.zeros(1, *image.shape[2:], dtype=torch.float64)
    for weight, channel in zip(LUMINANCE, image[0], strict=True):
        luma += weight * channel.cpu().double()
    if not bool(luma.amax() - luma.amin() > _MIN_BRIGHTNESS_RANGE):
        raise ValueError(
            "the image is of one brightness all over, and has no spectrum; connect one that shows something"
        )
    return luma


def measure_level_variances(stack: ImageStack) -> Levels:
    """Return the resolutions (N,) of the levels of a stack and their variances (B, N), float64, on the CPU."""
    chosen = [
        (level, part)
        for level, part in zip(stack.spec.levels, decompose(stack).levels, strict=True)
        if min(part.shape[2:]) >= _MIN_LEVEL_SAMPLES
    ]
    if len(chosen) < 2:
        raise ValueError(
            f"the stack has {len(chosen)} levels of {_MIN_LEVEL_SAMPLES} samples and more; a slope needs at least 2"
        )
    variances = torch.stack([part.cpu().double().flatten(1).var(dim=1) for _, part in pausing(chosen)], dim=1)
    if not bool((variances > 0).all()):
        raise ValueError("the levels of the stack are empty: it has not climbed yet; use the stack of an ascent")
    return torch.tensor([float(level) for level, _ in chosen], dtype=torch.float64), variances


def fit_slope(x: Tensor, y: Tensor) -> Tensor:
    """Return the slopes (B,) of log y (B, N) over log x (N,), fitted by least squares."""
    across = x.log() - x.log().mean()
    return (y.log() @ across) / across.square().sum()
