"""Palettes: known ones, those that somebody lists, and those found in a picture; the nearest colour of one, dithering.

Distances are in OKLab (docs/looks.md), where equal ones look about equally large.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..common.devices import keep_copy, make_constant
from ..common.images import Bytes, Images, check_images, to_bytes
from ..common.scalars import as_whole, check_number
from ..common.text import shorten

Palette = int | str | tuple[str, ...]
"""How many colours to find in the picture, 2 to 256; the name of one of `PALETTES`; or hex codes such as '#ff004d'."""

Dither = Literal["off", "ordered", "diffusion"]
"""How colours between those of a palette are mixed: not at all, in a fixed pattern (Bayer), or by error diffusion (of
Floyd and Steinberg), which runs on the CPU and is for few pixels."""

MOST_COLORS = 256

PALETTES: Mapping[str, tuple[str, ...]] = {
    name: tuple(f"#{code}" for code in codes.split())
    for name, codes in {
        "game boy": "0f380f 306230 8bac0f 9bbc0f",
        "cga": "000000 0000aa 00aa00 00aaaa aa0000 aa00aa aa5500 aaaaaa 555555 5555ff 55ff55 55ffff ff5555 ff55ff "
        "ffff55 ffffff",
        "pico-8": "000000 1d2b53 7e2553 008751 ab5236 5f574f c2c3c7 fff1e8 ff004d ffa300 ffec27 00e436 29adff 83769c "
        "ff77a8 ffccaa",
        "nes": "7c7c7c 0000fc 0000bc 4428bc 940084 a80020 a81000 881400 503000 007800 006800 005800 004058 000000 "
        "bcbcbc 0078f8 0058f8 6844fc d800cc e40058 f83800 e45c10 ac7c00 00b800 00a800 00a844 008888 f8f8f8 3cbcfc "
        "6888fc 9878f8 f878f8 f85898 f87858 fca044 f8b800 b8f818 58d854 58f898 00e8d8 787878 fcfcfc a4e4fc b8b8f8 "
        "d8b8f8 f8b8f8 f8a4c0 f0d0b0 fce0a8 f8d878 d8f878 b8f8b8 b8f8d8 00fcfc d8d8d8",
        # Paper, pink, blue, yellow, and these printed over each other.
        "risograph": "fffaf0 ff48b0 0078bf ffe800 002284 ff4200 006d00 1b1b1b",
        "poster": "1d2a44 c8402f e8a33d 6b8f8a f3e6cd",
    }.items()
}
"""Palettes by name, as hex codes."""

_BAYER = torch.tensor([[0.0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 15 / 32

_TO_CONE = torch.tensor(
    [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.6806995, 0.10739696], [0.08830246, 0.28171884, 0.6299787]]
)
_TO_LAB = torch.tensor(
    [[0.21045426, 0.79361779, -0.00407205], [1.9779985, -2.4285922, 0.4505937], [0.02590404, 0.78277177, -0.80867577]]
)

_ROUNDS, _SAMPLES, _AT_ONCE = 8, 64, 2**22  # Of k-means: rounds, and samples on a side. Distances computed at once.


def check_palette(palette: Palette) -> Palette:
    """Return a palette with its hex codes in full and lower case, or raise a ValueError."""
    if (count := as_whole(palette)) is not None:
        return int(check_number("palette", count, 2, MOST_COLORS, "14 colours are usual", whole=True))
    if isinstance(palette, str) and "#" in palette:
        palette = tuple(palette.replace(",", " ").split())
    if isinstance(palette, str):
        if palette not in PALETTES:
            raise ValueError(
                f"palette '{shorten(palette)}' is unknown; choose one of {', '.join(PALETTES)}, or list hex codes such "
                "as '#1d2b53 #ff004d'"
            )
        return palette
    codes = [*palette] if isinstance(palette, Sequence) else []
    if not 2 <= len(codes) <= MOST_COLORS:
        raise ValueError(f"a palette of {len(codes)} colours cannot be; list 2 to {MOST_COLORS} hex codes")
    return tuple(check_color(code) for code in codes)


def check_color(code: object) -> str:
    """Return a hex code as # and six digits in lower case."""
    digits = code.strip().lstrip("#").lower() if isinstance(code, str) else ""
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    if len(digits) != 6 or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"'{shorten(code, 20)}' is no hex code of a colour; write # and six digits, such as #ff004d")
    return f"#{digits}"


def to_hex(colors: Tensor) -> tuple[str, ...]:
    """Return colours (N, 3), 0..1, as hex codes."""
    return tuple("#" + row.tobytes().hex() for row in to_bytes(colors.T[None, :, None])[0])


def from_hex(palette: str | tuple[str, ...], like: Tensor) -> Tensor:
    """Return the colours (N, 3), 0..1, of a name or of hex codes, with type and device of a tensor."""
    codes = PALETTES[palette] if isinstance(palette, str) else palette
    values = tuple(value / 255 for code in codes for value in bytes.fromhex(code[1:]))
    return make_constant(values, like.dtype, like.device).view(-1, 3)


def to_oklab(colors: Tensor) -> Tensor:
    """Convert colours (..., 3), 0..1, from sRGB to OKLab."""
    linear = torch.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    cones = (linear @ keep_copy(_TO_CONE, colors).T).clamp(min=0) ** (1 / 3)
    return cones @ keep_copy(_TO_LAB, colors).T


def find_palette(pixels: Tensor, count: int) -> Tensor:
    """Return the `count` colours (count, 3), 0..1, that stand for the pixels (B, 3, H, W) best, by k-means."""
    height, width = pixels.shape[2:]
    small = torch.nn.functional.adaptive_avg_pool2d(pixels, (min(height, _SAMPLES), min(width, _SAMPLES)))
    samples = small.permute(0, 2, 3, 1).reshape(-1, 3)
    samples = samples[:: max(1, len(samples) // 2**14)]
    places, colors = to_oklab(samples), samples.mean(dim=0, keepdim=True)
    nearest = (places - to_oklab(colors)).square().sum(dim=1)
    chosen = []  # As far from each other as can be, so that small parts of a rare colour keep it.
    for _ in range(count):
        chosen.append(nearest.argmax())
        nearest = torch.minimum(nearest, (places - places[chosen[-1]]).square().sum(dim=1))
    colors = samples[torch.stack(chosen)]
    for _ in range(_ROUNDS):
        # A product in place of `index_add_`, which adds in no fixed order on CUDA.
        numbers = torch.arange(count, device=samples.device)
        belongs = (_find_nearest(places, to_oklab(colors))[:, None] == numbers).to(samples)
        sizes = belongs.sum(dim=0)[:, None]
        colors = torch.where(sizes > 0, belongs.T @ samples / sizes.clamp(min=1), colors)
    return colors


def find_image_palette(image: Images, count: int = 8) -> tuple[str, ...]:
    """Return the `count` colours that stand for an image best, from dark to bright, as hex codes: a palette."""
    check_palette(count)
    colors = find_palette(check_images(image, "the image of the palette").float().clamp(0, 1), count)
    return to_hex(colors[to_oklab(colors)[:, 0].argsort()])


def _find_nearest(places: Tensor, centers: Tensor) -> Tensor:
    """Return the number of the nearest centre (K, 3) for each place (N, 3)."""
    parts = places.split(max(1, _AT_ONCE // len(centers)))
    sizes = centers.square().sum(dim=1) / 2
    return torch.cat([(part @ centers.T - sizes).argmax(dim=1) for part in parts])


def find_numbers(pixels: Tensor, colors: Tensor, dither: Dither) -> Tensor:
    """Return for each pixel (B, 3, H, W) the number of its colour among (N, 3), as (B, H, W)."""
    if dither == "diffusion":
        return torch.stack([_diffuse(picture[None], colors) for picture in pixels])
    if dither == "ordered":
        height, width = pixels.shape[2:]
        pattern = keep_copy(_BAYER, pixels).repeat(-(-height // 4), -(-width // 4))[:height, :width]
        # The mean distance of a colour to the next one: so far apart are those that have to be mixed.
        apart = torch.cdist(colors, colors).fill_diagonal_(4).amin(dim=1).mean() / 3**0.5
        pixels = (pixels + pattern * apart).clamp(0, 1)
    flat = to_oklab(pixels.permute(0, 2, 3, 1).reshape(-1, 3))
    return _find_nearest(flat, to_oklab(colors)).view(len(pixels), *pixels.shape[2:])


def _diffuse(picture: Tensor, colors: Tensor) -> Tensor:
    """Return the numbers (H, W) of the colours of a picture (1, 3, H, W), by the error diffusion of Pillow."""
    codes: Bytes = to_bytes(colors.T[None, :, None])
    page = Image.new("P", (1, 1))
    # The last colour is repeated: Pillow would fill the palette with colours of its own.
    page.putpalette(np.concatenate([codes[0], codes[0, -1:].repeat(256 - len(colors), 0)]).tobytes())
    numbers = np.asarray(Image.fromarray(to_bytes(picture)).quantize(palette=page, dither=Image.Dither.FLOYDSTEINBERG))
    return torch.from_numpy(numbers.copy()).long().clamp(max=len(colors) - 1).to(picture.device)
