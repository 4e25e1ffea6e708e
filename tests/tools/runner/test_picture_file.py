"""Pictures that may come from anywhere: what is opened, and what is told of the rest."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cases import each_case
from runner.picture_file import FORMATS, is_picture_name, open_picture

# A program in PostScript, which Pillow would hand to Ghostscript.
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
(ran.txt) (w) file (x) writestring
showpage
%%EOF
"""


def png(size: tuple[int, int] = (4, 3)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (10, 20, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def noisy() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "PNG")
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_text_bomb() -> bytes:
    """A PNG with a compressed text of 100 MB in a hundred kilobytes."""
    whole = png()
    bomb = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(100 * 2**20), 9))
    return whole[:33] + bomb + whole[33:]


def with_claimed_size() -> bytes:
    """A PNG that claims 60,000 pixels a side."""
    whole = png()
    head = chunk(b"IHDR", struct.pack(">II", 60_000, 60_000) + whole[24:29])
    return whole[:8] + head + whole[33:]


@each_case("name", [name for name in FORMATS if name != "AVIF"])
def test_usual_formats_are_opened_whatever_they_are_called(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (200, 100, 50)).save(tmp_path / "any.name", name)
    with open_picture(tmp_path / "any.name") as picture:
        assert (picture.format, picture.size) == (name, (8, 6))


@each_case(
    "make",
    [
        lambda: EPS,
        lambda: noisy()[:-2000],
        lambda: png()[:40],
        with_text_bomb,
        with_claimed_size,
        lambda: b"",
        lambda: b"text",
    ],
)
def test_what_is_no_sound_picture_or_not_there_is_named_and_runs_nothing(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(make())
    with pytest.raises(ValueError, match=r"^cannot read the image 'x\.png' \(.+\); use a PNG, JPEG") as caught:
        open_picture(path)
    assert len(str(caught.value)) < 400
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]
    with pytest.raises(ValueError, match=r"cannot read the image 'gone\.png' \(.*No such file"):
        open_picture(tmp_path / "gone.png")


@each_case(
    ("name", "is_picture"),
    [
        ("a.png", True),
        ("sub/a.JPEG", True),
        ("a.tif", True),
        ("a.webp", True),
        ("a.eps", False),
        ("a.mp4", False),
        ("a.safetensors", False),
        ("png", False),
    ],
)
def test_pictures_are_told_from_other_files_by_their_suffix(name: str, is_picture: bool) -> None:
    assert is_picture_name(name) is is_picture
