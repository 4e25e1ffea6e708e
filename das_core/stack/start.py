"""What a stack starts from: canvases (B, 3, H, W) before the tanh, in rgb unless said otherwise."""

import math

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.images import check_images, place_on_canvas
from ..common.seeding import make_generator
from .bases import make_basis
from .spectral_operator import compute_spectral_response

# Half a step of an 8-bit image: pure black and white stay where a gradient can still move them.
_EDGE = 1 / 512

# Already all grain; far beyond it the gain of the finest level would overflow.
_STRONGEST_DECAY = 10


def canvas_from_image(image: Tensor, shape: Shape, margin: int, contrast: float) -> Tensor:
    """The canvas that shows `image` (B, 3, h, w), 0..1, as a picture of `shape`, mirrored into the margin.

    `contrast` in (0, 1] pulls the pixels toward grey by that factor, away from where the tanh is flat. What the canvas
    shows is 0.5 + contrast * (image - 0.5) to within float32, except that pure black and white are off by 1/512.
    """
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast {contrast} is not above 0 and at most 1; 0.95 keeps the picture and lets it move")
    picture = place_on_canvas(check_images(image, "the start image"), shape, margin)
    softened = (0.5 + contrast * (picture - 0.5)).clamp(_EDGE, 1 - _EDGE)
    return torch.atanh(2 * softened - 1)


def make_noise_canvas(
    canvas: Shape,
    levels: tuple[int, ...],
    batch: int,
    amplitude: float,
    decay: float,
    seed: int,
    tile: bool = False,
) -> Tensor:
    """Noise (batch, 3, *canvas) with the covariance of a stack whose levels are white noise.

    `amplitude` is its root mean square before the tanh (0.1 is faint, 1 is strong); each octave of finer levels is
    weaker by the factor `decay` (1 is grainy, 0.3 leaves soft blobs). Every image of the batch draws from (seed,
    item) alone. The noise is alike in all channels of whatever colour space the stack has.
    """
    if batch < 1:
        raise ValueError(f"batch {batch} is too small; at least 1 image is needed")
    if not (0 <= amplitude < math.inf and 0 < decay <= _STRONGEST_DECAY):
        raise ValueError(
            f"noise needs an amplitude from 0 up and a decay above 0 and at most {_STRONGEST_DECAY}, not "
            f"amplitude {amplitude} and decay {decay}; try 0.3 and 0.7"
        )
    gains = [float(decay ** torch.tensor(level / levels[0]).log2()) for level in levels]
    response = compute_spectral_response(canvas, levels, gains, tile).sqrt()
    white = torch.stack([torch.randn(3, *canvas, generator=make_generator(seed, item)) for item in range(batch)])
    noise = make_basis(canvas, white.device, tile).filter(white, response)
    return noise * (amplitude / noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt())
