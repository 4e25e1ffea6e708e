"""What a stack starts from, a canvas (B, 3, H, W) of an image or of noise, and the picture that surrounds it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.images import Images, check_images, place_on_canvas
from ..common.interruption import allow_interrupt, pausing
from ..common.masks import canvas_mask, check_mask
from ..common.modes import default_to_cpu
from ..common.scalars import check_count, check_number
from ..common.seeding import make_generator
from .bases import make_basis
from .levels import default_levels
from .pixels import from_rgb, invert_pixels
from .spec import StackSpec
from .spectral_operator import compute_spectral_response
from .time import mix_frames, time_root

# No pixel of a start image is nearer to 0 or 1 than half a step of an 8-bit image: at 0 or 1 no gradient could move it.
_MIN_DISTANCE = 1 / 512
# At a decay of 10 the noise is all grain; far above 10 the gain of the finest level would overflow.
_MAX_DECAY = 10
MOST_IMAGES = 65_536


def count_images(spec: StackSpec, batch: int) -> int:
    """Return how many images a new stack holds: `batch`, or the number of frames of a film or depths of a zoom."""
    batch = check_number("batch", batch, 1, MOST_IMAGES, "1 makes one picture", whole=True)
    if spec.series is None:
        return batch
    count, kind, unit = spec.series
    if batch not in (1, count):
        raise ValueError(f"a batch of {batch} is no {kind} of {count} {unit}s; leave it at 1")
    return count


@default_to_cpu()
def start_from_noise(spec: StackSpec, batch: int, amplitude: float, decay: float, seed: int) -> Tensor:
    """Return a canvas of noise for a new stack, (B, 3, H, W); see `ImageStack.noise`."""
    batch, levels = count_images(spec, batch), spec.levels
    check_number("amplitude", amplitude, 0, 1e6, "1 makes seeds differ most")
    check_number("decay", decay, 0, _MAX_DECAY, "0.4 makes soft clouds", above=True)
    if levels == default_levels(spec.canvas):
        levels = (1, *levels)  # Pictures differ most in their mean colour, which comes from a level of one sample.
    gains = [float(decay ** torch.tensor(level / levels[0], dtype=torch.float32).log2()) for level in levels]
    # White noise on the levels has the covariance K on the canvas.
    response = compute_spectral_response(spec.canvas, levels, spec.tile, gains).sqrt()
    white = torch.empty(batch, 3, *spec.canvas, dtype=torch.float32)
    for item, image in pausing(enumerate(white)):
        torch.randn(image.shape, generator=make_generator(seed, item), dtype=torch.float32, out=image)
    noise = make_basis(spec.canvas, white.device, spec.tile).filter(white, response)
    if spec.time is not None:
        noise = mix_frames(time_root(spec.time, decay).float(), noise)
    allow_interrupt()
    return noise * (amplitude / noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt())


def start_from_image(spec: StackSpec, image: Images, batch: int, contrast: float) -> tuple[Tensor, Tensor]:
    """Return canvases (B, 3, H, W) in the colour space of the spec: of the image up to 1e-6, and of its contrast."""
    batch = count_images(spec, batch)
    image = check_images(image, "the start image")
    if spec.series is not None:
        check_count(len(image), batch, "start images", spec.series[2])
    if len(image) > 1 and batch not in (1, len(image)):
        raise ValueError(f"a batch of {batch} does not go with {len(image)} start images: use 1 or {len(image)}")
    check_number("contrast", contrast, 0, 1, "0.95 keeps the picture and lets it move", above=True)
    picture = place_on_canvas(image, (spec.height, spec.width), spec.margin)
    if len(picture) == 1:
        picture = picture.repeat(batch, 1, 1, 1)
    allow_interrupt()
    start = invert_pixels(picture, spec.color)
    allow_interrupt()
    softened = (0.5 + contrast * (picture - 0.5)).clamp(_MIN_DISTANCE, 1 - _MIN_DISTANCE)
    allow_interrupt()
    return start, from_rgb(torch.atanh(2 * softened - 1), spec.color)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The picture (B, 3, H, W) around a stack, which shows where the mask (B, 1, H, W), 0..1, is 0."""

    pixels: Tensor
    mask: Tensor

    def composite(self, shown: Tensor) -> Tensor:
        """Put the picture around the pixels of a stack, (B, 3, H, W), 0..1."""
        # Exact at both ends: lerp returns its first argument at 0 and its second at 1.
        return torch.lerp(self.pixels, shown, self.mask)

    def select(self, images: Sequence[int]) -> "Surroundings":
        """Return the surroundings of some images of the batch, given the indices of these images."""
        numbers = send_to_device(torch.tensor(images), self.mask.device)
        return Surroundings(self.pixels.index_select(0, numbers), self.mask.index_select(0, numbers))

    def to(self, device: torch.device) -> "Surroundings":
        """Return the same surroundings on another device."""
        return Surroundings(self.pixels.to(device), self.mask.to(device))


def make_surroundings(spec: StackSpec, stacks: int, image: Images, mask: Tensor, feather: int = 0) -> Surroundings:
    """Return the surroundings of a stack, made of an image and a mask, see `ImageStack.place_into`."""
    image = check_images(image, "the image around the mask")
    batch = max(stacks, len(image), len(check_mask(mask)))
    if spec.time is not None:
        batch = stacks
    for what, count in (("images", len(image)), ("masks", len(mask)), ("stacks", stacks)):
        check_count(count, batch, what)
    shape = (spec.height, spec.width)
    pixels = place_on_canvas(image, shape, spec.margin).expand(batch, -1, -1, -1)
    return Surroundings(pixels, canvas_mask(mask, shape, spec.margin, feather).expand(batch, -1, -1, -1))
