"""Canvases (B, 3, H, W), before the tanh, that a stack can start from: an image, or noise."""

import math

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.images import Images, check_images, place_on_canvas
from ..common.interruption import allow_interrupt, pausing
from ..common.scalars import as_whole
from ..common.seeding import make_generator
from ..common.text import shorten
from .bases import make_basis
from .color import from_rgb
from .levels import default_levels
from .pixels import invert_pixels
from .spec import StackSpec
from .spectral_operator import compute_spectral_response
from .time import Time, mix_frames, time_root

# About half a step of an 8-bit image. No pixel of a start image is nearer to 0 or 1 than this, whatever the contrast.
# Exactly at 0 or 1 the slope of the tanh is 0, and no gradient could move the pixel.
_MIN_DISTANCE = 1 / 512

# At a decay of 10 the noise is all grain; far above 10 the gain of the finest level would overflow.
_MAX_DECAY = 10

MOST_IMAGES = 65_536
"""The most images of a stack."""


def _check_batch(batch: int) -> None:
    """Raise a ValueError unless `batch` is a number of images that a stack can have."""
    if not 1 <= (as_whole(batch) or 0) <= MOST_IMAGES:
        raise ValueError(f"batch {shorten(batch)} is not a whole number from 1 to {MOST_IMAGES}; 1 makes one picture")


def count_images(spec: StackSpec, batch: int) -> int:
    """Return how many images a new stack holds: `batch`, or the number of frames of a film or depths of a zoom."""
    _check_batch(batch)
    if spec.zoom is not None:
        if batch not in (1, spec.zoom.depths):
            raise ValueError(f"a batch of {batch} is no zoom of {spec.zoom.depths} depths; leave it at 1")
        return spec.zoom.depths
    if spec.time is None:
        return batch
    if batch not in (1, spec.time.frames):
        raise ValueError(f"a batch of {batch} is no film of {spec.time.frames} frames; leave it at 1")
    return spec.time.frames


def start_from_noise(spec: StackSpec, batch: int, amplitude: float, decay: float, seed: int) -> Tensor:
    """Return a canvas of noise for a new stack, (B, 3, H, W); see `ImageStack.noise`."""
    batch = count_images(spec, batch)
    levels = spec.levels
    if levels == default_levels(spec.canvas):
        # The pictures of different seeds differ most in their mean colour, which comes from a level of one sample. The
        # default levels contain no such level, so it is added.
        levels = (1, *levels)
    return make_noise_canvas(spec.canvas, levels, batch, amplitude, decay, seed, spec.tile, spec.time)


def start_from_image(spec: StackSpec, image: Images, batch: int, contrast: float) -> tuple[Tensor, Tensor]:
    """Return canvases (B, 3, H, W) in the colour space of the spec: of the image up to 1e-6, and of its contrast."""
    batch = count_images(spec, batch)
    image = check_images(image, "the start image")
    if spec.time is not None and len(image) not in (1, batch):
        raise ValueError(f"{len(image)} start images are no film of {batch} frames: use 1 or {batch}")
    if spec.zoom is not None and len(image) not in (1, batch):
        raise ValueError(f"{len(image)} start images are no zoom of {batch} depths: use 1 or {batch}")
    if image.shape[0] > 1 and batch not in (1, image.shape[0]):
        raise ValueError(
            f"a batch of {batch} does not go with {image.shape[0]} start images: use 1 or {image.shape[0]}"
        )
    _check_contrast(contrast)
    picture = place_on_canvas(image, (spec.height, spec.width), spec.margin)
    if picture.shape[0] == 1:
        picture = picture.repeat(batch, 1, 1, 1)
    allow_interrupt()
    start = invert_pixels(picture, spec.color)
    return start, from_rgb(_soften(picture, contrast), spec.color)


def canvas_from_image(image: Tensor, shape: Shape, margin: int, contrast: float) -> Tensor:
    """Return a canvas (B, 3, H, W) in rgb whose pixels are 0.5 + contrast * (image - 0.5)."""
    _check_contrast(contrast)
    return _soften(place_on_canvas(check_images(image, "the start image"), shape, margin), contrast)


def _check_contrast(contrast: float) -> None:
    """Raise a ValueError when a contrast is out of range."""
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast {contrast} is not above 0 and at most 1; 0.95 keeps the picture and lets it move")


def _soften(picture: Tensor, contrast: float) -> Tensor:
    """Return the canvas, in rgb, of pixels (B, 3, H, W) with a contrast."""
    allow_interrupt()
    softened = (0.5 + contrast * (picture - 0.5)).clamp(_MIN_DISTANCE, 1 - _MIN_DISTANCE)
    allow_interrupt()
    return torch.atanh(2 * softened - 1)


def make_noise_canvas(
    canvas: Shape,
    levels: tuple[int, ...],
    batch: int,
    amplitude: float,
    decay: float,
    seed: int,
    tile: bool = False,
    time: Time | None = None,
) -> Tensor:
    """Return noise with the power spectrum of a stack whose levels are white noise, (batch, 3, H, W), float32."""
    _check_batch(batch)
    if not (0 <= amplitude < math.inf and 0 < decay <= _MAX_DECAY):
        raise ValueError(
            f"noise needs an amplitude from 0 up and a decay above 0 and at most {_MAX_DECAY}, not "
            f"amplitude {amplitude} and decay {decay}; try 1 and 0.4"
        )
    gains = [float(decay ** torch.tensor(level / levels[0], dtype=torch.float32).log2()) for level in levels]
    # White noise on the levels has the covariance K on the canvas.
    response = compute_spectral_response(canvas, levels, tile, gains).sqrt()
    white = torch.empty(batch, 3, *canvas, dtype=torch.float32)
    for item, image in pausing(enumerate(white)):
        torch.randn(3, *canvas, generator=make_generator(seed, item), dtype=torch.float32, out=image)
    noise = make_basis(canvas, white.device, tile).filter(white, response)
    if time is not None:
        noise = mix_frames(time_root(time, decay).float(), noise)
    allow_interrupt()
    return noise * (amplitude / noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt())
