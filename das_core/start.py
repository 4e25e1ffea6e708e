"""What a stack starts from: canvases (B, 3, H, W) before the tanh, in rgb unless said otherwise."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .cosine import CosineBasis
from .draws import generator
from .levels import Shape
from .operator import spectral_response

# Half a step of an 8-bit image: pure black and white stay where a gradient can still move them.
_EDGE = 1 / 512


def check_image(image: Tensor) -> Tensor:
    """The image, if it is (B, 3, H, W) and finite; otherwise a ValueError that says what is wrong with it."""
    if image.ndim != 4 or image.shape[0] == 0 or 0 in image.shape[2:]:
        raise ValueError(f"the start image has the shape {tuple(image.shape)}; a batch of images is needed")
    channels = image.shape[1]
    if channels != 3:
        kind = {1: "one grey channel", 2: "grey and alpha", 4: "an alpha channel"}.get(channels, "extra channels")
        raise ValueError(
            f"the start image has {channels} channels ({kind}) where 3 are needed (RGB): "
            "take the alpha off, or repeat the grey channel three times, before it enters the stack"
        )
    bad = int((~torch.isfinite(image)).sum())
    if bad:
        raise ValueError(
            f"the start image holds {bad} values that are NaN or infinite; every value must lie in 0..1: "
            "look at the node that made the image"
        )
    return image


def cover(image: Tensor, shape: Shape) -> Tensor:
    """Images (B, 3, h, w) resized to cover `shape`, aspect kept, the middle cut out: (B, 3, *shape)."""
    height, width = shape
    scale = max(height / image.shape[2], width / image.shape[3])
    resized = (max(height, round(image.shape[2] * scale)), max(width, round(image.shape[3] * scale)))
    if tuple(image.shape[2:]) != resized:
        image = F.interpolate(image, size=resized, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (resized[0] - height) // 2, (resized[1] - width) // 2
    return image[:, :, top : top + height, left : left + width]


def canvas_from_image(image: Tensor, shape: Shape, margin: int, contrast: float) -> Tensor:
    """The canvas that shows `image` (B, 3, h, w), 0..1, as a picture of `shape`, mirrored into the margin.

    `contrast` in (0, 1] pulls the pixels toward grey by that factor, away from where the tanh is flat.
    """
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast {contrast} is not above 0 and at most 1; 0.95 keeps the picture and lets it move")
    picture = cover(check_image(image).float().clamp(0, 1), shape)
    mode = "reflect" if margin < min(shape) else "replicate"
    picture = F.pad(picture, (margin,) * 4, mode=mode)
    softened = (0.5 + contrast * (picture - 0.5)).clamp(_EDGE, 1 - _EDGE)
    return torch.atanh(2 * softened - 1)


def noise_canvas(
    canvas: Shape, levels: tuple[int, ...], batch: int, amplitude: float, decay: float, seed: int
) -> Tensor:
    """Noise (batch, 3, *canvas) with the covariance of a stack whose levels are white noise.

    `amplitude` is its root mean square before the tanh (0.1 is faint, 1 is strong); each octave of finer levels is
    weaker by the factor `decay` (1 is grainy, 0.3 leaves soft blobs). Every image of the batch draws from (seed,
    item) alone.
    """
    if amplitude < 0 or decay <= 0:
        raise ValueError(f"noise needs amplitude >= 0 and decay > 0, not amplitude {amplitude} and decay {decay}")
    gains = [float(decay ** torch.tensor(level / levels[0]).log2()) for level in levels]
    response = spectral_response(canvas, levels, gains).sqrt()
    white = torch.stack([torch.randn(3, *canvas, generator=generator(seed, item)) for item in range(batch)])
    noise = CosineBasis(*canvas, torch.device("cpu")).filter(white, response)
    return noise * (amplitude / noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt())
