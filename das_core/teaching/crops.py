"""Crops of photographs, and what a judge that learns sees of them: noise, and what views of an ascent do to colours."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.interruption import pausing
from ..models.photographs import Photographs, find_pictures, read_whole_picture

_KEPT_SIDE = 320  # The shorter side, in pixels, that a photograph has in memory.
_MOST_KEPT = 2**31  # In bytes: about 5,000 photographs.
_HELD_OUT = 16  # Of as many photographs one teaches nothing, and shows what was learned.
_FEWEST = 8

SMALLEST, LARGEST = 0.1, 1.0  # The area of a crop, relative to its photograph: views show from 10 % of a picture up.
_CLEAN, _GREY, _FAR = 0.15, 0.15, 0.15  # The shares of crops without noise, without colours, seen from afar.
MOST_NOISE = 0.6


@dataclass(frozen=True)
class Lessons:
    """Photographs (3, H, W) as bytes: those that teach, and those that are held out to see what was learned."""

    teaching: Sequence[Tensor] = field(repr=False)
    held_out: Sequence[Tensor] = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of their bytes."""
        digest = hashlib.sha256()
        for one in (*self.teaching, *self.held_out):
            digest.update(one.contiguous().numpy().data)
        return digest.hexdigest()


def read_lessons(photographs: Photographs | Lessons, size: int) -> Lessons:
    """Read photographs and keep them small; files that are none, and pictures of one colour, are left out. What was
    read before is returned as it is. Raises a ValueError when fewer than 8 are left."""
    if isinstance(photographs, Lessons):
        return photographs
    kept: list[Tensor] = []
    room = _MOST_KEPT
    found = find_pictures(photographs)
    for picture in pausing(found):
        image = read_whole_picture(picture, max(_KEPT_SIDE, size))
        if image is not None:
            kept.append(image[0].clamp(0, 1).mul(255).round_().byte().cpu())
            room -= kept[-1].numel()
        if room < 0:
            break
    if len(kept) < _FEWEST:
        raise ValueError(
            f"{len(kept)} of {len(found)} files or images are photographs that can teach, and at least {_FEWEST} are "
            "needed; a thousand of many things make a good lesson"
        )
    return Lessons([one for number, one in enumerate(kept) if number % _HELD_OUT], kept[::_HELD_OUT])


def draw_crops(photographs: Sequence[Tensor], count: int, size: int, generator: torch.Generator) -> Tensor:
    """Return random parts of random photographs, some mirrored, (count, 3, size, size), 0..1."""
    crops = []
    for _ in range(count):
        image = photographs[int(torch.randint(len(photographs), (), generator=generator))]
        area, shape, down, right, mirrored = torch.rand(5, generator=generator).tolist()
        height, width = image.shape[1:]
        side = ((SMALLEST + (LARGEST - SMALLEST) * area) * height * width) ** 0.5
        aspect = (4 / 3) ** (shape - 0.5)
        rows, columns = (
            max(8, min(full, round(part))) for full, part in ((height, side / aspect), (width, side * aspect))
        )
        top, left = round(down * max(0, height - rows)), round(right * max(0, width - columns))
        crop = image[:, top : top + rows, left : left + columns].float()[None] / 255
        crop = F.interpolate(crop, (size, size), mode="bilinear", antialias=True)
        crops.append(crop.flip(3) if mirrored < 0.5 else crop)
    return torch.cat(crops)


def corrupt(crops: Tensor, least: float, generator: torch.Generator) -> Tensor:
    """Return crops (B, 3, S, S) with Gaussian noise of a strength from `least` to 0.6, a few without; some are grey,
    and some are blurred, as if seen from afar."""
    kinds = torch.rand(3, len(crops), 1, 1, 1, generator=generator)
    strengths = torch.rand(len(crops), generator=generator)
    grey = crops.mean(dim=1, keepdim=True).expand_as(crops)
    shown = torch.where(kinds[0] < _GREY, grey, crops)
    size = crops.shape[-1]
    small = F.interpolate(shown, (max(1, size // 4),) * 2, mode="area")
    far = F.interpolate(small, (size, size), mode="bilinear")
    shown = torch.where(kinds[1] < _FAR, far, shown)
    sigma = (least + (MOST_NOISE - least) * strengths)[:, None, None, None] * (kinds[2] >= _CLEAN)
    return shown + sigma * torch.randn(crops.shape, generator=generator)
