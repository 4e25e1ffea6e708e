"""Makes the thumbnails and help pictures that show diffusion.

An exact formula takes the place of the diffusion model (`benchmarks/exact_denoiser.py`), because a checkpoint would be
a large download.
"""

from collections.abc import Callable, Mapping
from functools import cache

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import resize

from benchmarks.exact_denoiser import ExactDenoiser, plain_pictures
from benchmarks.guidance import CLIMB, VIEWS, WISH, sample
from das_core import (
    SECOND_OPINION,
    Denoising,
    Guidance,
    ImageStack,
    NetworkDenoiser,
    StackSpec,
    load_starter,
    score_images,
)
from das_core.ascent import GuidedSteps
from generators.example_thumbnails import tile_images
from generators.help_ascents import ask_for, climb, draw
from generators.help_pictures import make_row, to_picture

SEEDS = range(4)
WINDOW = (20, 56, 112, 112)
"""Top, left, height and width, in pixels, of the rectangle into which `_add_balloon` puts a balloon."""


@cache
def sample_pictures(strength: float) -> Tensor:
    """Return four pictures of the diffusion model, (4, 3, H, W), 0..1, made with guidance of the given strength.

    At strength 0 the pictures are made without guidance.
    """
    guidance = Guidance((ask_for(WISH),), VIEWS, steps=CLIMB, strength=strength) if strength else None
    return sample(guidance, GuidedSteps(), SEEDS).pictures


def _tile(pictures: Tensor) -> Image.Image:
    return tile_images([to_picture(picture[None]) for picture in pictures])


def _compare() -> Image.Image:
    """Return a sheet with two unguided pictures, and below them the guided pictures of the same seeds."""
    return _tile(torch.cat([sample_pictures(0.0)[:2], sample_pictures(2.0)[:2]]))


def _rank() -> Image.Image:
    """Return a sheet of four guided pictures, ranked by a model that did not guide them, the best first."""
    pictures = sample_pictures(2.0)
    scores = score_images(pictures, [ask_for(WISH, load_starter(SECOND_OPINION))])
    return _tile(pictures[scores.ranking])


def _add_balloon() -> Image.Image:
    """Return a picture that was made without guidance, and into which an ascent has then put a balloon."""
    top, left, height, width = WINDOW
    picture = resize(sample_pictures(0.0)[:1], [224, 224], antialias=True).clamp(0, 1)
    mask = torch.zeros(1, 224, 224)
    mask[:, top : top + height, left : left + width] = 1
    stack = ImageStack.from_image(StackSpec(224, 224), picture, contrast=0.9).place_into(picture, mask, feather=12)
    return draw(ask_for("balloon"), stack)


def _climb_with_denoiser(denoising: Denoising | None) -> Image.Image:
    return to_picture(climb(ask_for(WISH), ImageStack.gray(StackSpec(224, 224)), denoising=denoising).image)


@cache
def _use_as_denoiser() -> Denoising:
    """Return the exact diffusion model as a denoiser, made as the node Denoiser from Diffusion makes denoisers."""
    model = ExactDenoiser(plain_pictures(StackSpec(224, 224).canvas[0]))
    # As in the node, the noise level is the strength divided by 0.25, the standard deviation of the pixels of a
    # photograph.
    network = NetworkDenoiser(lambda pixels, strength: model(2 * pixels - 1, 4 * strength) / 2 + 0.5, "exact", True)
    return Denoising(network, strength=0.1, end=0.03)


THUMBNAILS: Mapping[str, Callable[[], Image.Image]] = {
    "guided_diffusion": _compare,
    "best_of_batch": _rank,
    "diffusion_then_ascent": _add_balloon,
    "diffusion_as_denoiser": lambda: _climb_with_denoiser(_use_as_denoiser()),
}
"""The example workflows that show nothing without a checkpoint, each with the function that makes its thumbnail."""


def picture_guidance() -> Image.Image:
    """Return the picture of the help page of Guide Diffusion: pictures of one seed, without and with guidance."""
    pictures = [to_picture(sample_pictures(strength)[1:2]) for strength in (0.0, 2.0)]
    return make_row(pictures, ["unguided", "strength 2"])


def picture_denoiser() -> Image.Image:
    """Return the picture of the help page of Denoiser from Diffusion: one ascent without a denoiser and with one."""
    pictures = [_climb_with_denoiser(denoising) for denoising in (None, _use_as_denoiser())]
    return make_row(pictures, ["no denoiser", "strength 0.1"])
