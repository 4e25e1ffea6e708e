"""Pictures that may come from anywhere: what is opened, and what is told of the rest."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from PIL.PngImagePlugin import PngInfo

from cases import each_case
from runner.picture_file import FORMATS, is_picture_name, open_picture, read_frames

# A program in PostScript, which Pillow would hand to Ghostscript.
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
(ran.txt) (w) file (x) writestring
showpage
%%EOF
"""


def encode(picture: Image.Image, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **settings)
    return buffer.getvalue()


PLAIN, NOISY, TEXT = Image.new("RGB", (4, 3), "blue"), Image.effect_noise((64, 64), 90), PngInfo()
TEXT.add_text("note", "x" * 10**6, zip=True)


@each_case("name", *[name for name in FORMATS if name != "AVIF"])
def test_usual_formats_are_opened_whatever_they_are_called(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (200, 100, 50)).save(tmp_path / "any.name", name)
    with open_picture(tmp_path / "any.name") as picture:
        assert (picture.format, picture.size) == (name, (8, 6))


@each_case(
    "content",
    EPS,
    b"",
    encode(NOISY)[:-2000],
    encode(PLAIN)[:40],
    encode(PLAIN, pnginfo=TEXT),
    encode(PLAIN.resize((999, 99))),
)
def test_what_is_no_picture_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limits of Pillow, made small.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 10**5)
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^cannot read the image 'x\.png' \(.+\); use a PNG, JPEG") as caught:
        open_picture(path)
    assert len(str(caught.value)) < 400
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]
    with pytest.raises(ValueError, match=r"cannot read the image 'gone\.png' \(.*No such file"):
        open_picture(tmp_path / "gone.png")


def test_pictures_are_told_from_other_files_by_their_suffix() -> None:
    names = ("a.png", "sub/a.JPEG", "a.tif", "a.webp", "a.eps", "a.mp4", "a.safetensors", "png")
    assert [is_picture_name(name) for name in names] == [True] * 4 + [False] * 4


def test_masks_follow_transparency_and_those_of_several_frames_have_one_size(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 3, 4), 51, np.uint8)).save(tmp_path / "alpha.png")
    Image.fromarray(np.full((2, 3, 3), 51, np.uint8)).save(tmp_path / "opaque.png")
    image, mask = read_frames(tmp_path / "alpha.png")
    assert (image.shape, mask.shape) == ((1, 2, 3, 3), (1, 2, 3))
    assert image.mean().item() == pytest.approx(0.2)
    assert mask.mean().item() == pytest.approx(0.8)
    _, mask = read_frames(tmp_path / "opaque.png")
    assert (mask.shape, mask.sum().item()) == ((1, 64, 64), 0)
    opaque, clear = Image.new("RGB", (20, 12), "red"), Image.new("RGBA", (20, 12), (0, 0, 255, 0))
    opaque.save(tmp_path / "film.tif", save_all=True, append_images=[clear])
    images, masks = read_frames(tmp_path / "film.tif")
    assert images.shape == (2, 12, 20, 3)
    assert masks.shape == (2, 12, 20)
    assert (float(masks[0].max()), float(masks[1].min())) == (0.0, 1.0)


def test_a_file_with_a_frame_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.effect_noise((64, 64), 90) for _ in range(2)]
    NOISY.save(tmp_path / "film.gif", save_all=True, append_images=frames)
    whole = (tmp_path / "film.gif").read_bytes()
    assert read_frames(tmp_path / "film.gif")[0].shape == (3, 64, 64, 3)
    (tmp_path / "cut.gif").write_bytes(whole[: len(whole) // 2])  # a further frame is cut
    # The field of the width (256) of the second frame, called something else.
    dark = Image.new("L", (20, 12))
    dark.save(tmp_path / "film.tif", save_all=True, append_images=[dark])
    content = bytearray((tmp_path / "film.tif").read_bytes())
    content[content.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00\x14")] = 7
    (tmp_path / "film.tif").write_bytes(content)
    for name in ("cut.gif", "film.tif"):
        with pytest.raises(ValueError, match=rf"cannot read the image '{re.escape(name)}'"):
            read_frames(tmp_path / name)
    # A small file can hold endless frames; of a single frame any size is allowed.
    monkeypatch.setattr("runner.picture_file.MOST_PIXELS", 64 * 64 * 3 - 1)
    with pytest.raises(ValueError, match=r"\(3 frames of 64 x 64 pixels do not fit into memory"):
        read_frames(tmp_path / "film.gif")
    PLAIN.resize((200, 100)).save(tmp_path / "large.png")
    assert read_frames(tmp_path / "large.png")[0].shape == (1, 100, 200, 3)
