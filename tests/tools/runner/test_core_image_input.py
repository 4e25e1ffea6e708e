"""LoadImage: where it looks for a file, and what it makes of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runner.core_image_input import LoadImage
from runner.runtime_setup import set_folders

Run = Callable[..., Any]


def test_an_image_is_read_from_the_input_folder_or_beside_the_workflow(run: Run) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    Path("photos").mkdir()
    Image.fromarray(levels).save("photos/alpha.png")
    Image.fromarray(levels[..., :3] * 2).save("beside.png")
    nodes: dict[str, Any] = {
        "1": ("LoadImage", {"image": "alpha.png"}),
        "2": ("SaveImage", {"images": ["1", 0], "filename_prefix": "a"}),
        "3": ("LoadImage", {"image": "beside.png"}),
        "4": ("SaveImage", {"images": ["3", 0], "filename_prefix": "b"}),
    }
    result = run(nodes, "--input", "photos")
    assert result.files == ["output/a_00001_.png", "output/b_00001_.png"]
    assert (result.pixels(0) == levels[..., :3]).all()
    assert (result.pixels(1) == levels[..., :3] * 2).all()
    nodes["3"] = ("LoadImage", {"image": "gone.png"})
    assert "node 3 (LoadImage): image = 'gone.png': there is no such image" in run(nodes, "--input", "photos").err
    Path("gone.png").write_text("no image")
    assert "node 3 (LoadImage): cannot read the image 'gone.png'" in run(nodes, "--input", "photos").err


def test_masks_follow_transparency_and_those_of_several_frames_have_one_size(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 3, 4), 51, np.uint8)).save(tmp_path / "alpha.png")
    Image.fromarray(np.full((2, 3, 3), 51, np.uint8)).save(tmp_path / "opaque.png")
    set_folders(tmp_path / "output", tmp_path, tmp_path / "models")
    image, mask = LoadImage().load("alpha.png")
    assert (image.shape, mask.shape) == ((1, 2, 3, 3), (1, 2, 3))
    assert image.mean().item() == pytest.approx(0.2)
    assert mask.mean().item() == pytest.approx(0.8)
    _, mask = LoadImage().load("opaque.png")
    assert (mask.shape, mask.sum().item()) == ((1, 64, 64), 0)
    opaque, clear = Image.new("RGB", (20, 12), "red"), Image.new("RGBA", (20, 12), (0, 0, 255, 0))
    opaque.save(tmp_path / "film.tif", save_all=True, append_images=[clear])
    images, masks = LoadImage().load("film.tif")
    assert images.shape == (2, 12, 20, 3)
    assert masks.shape == (2, 12, 20)
    assert (float(masks[0].max()), float(masks[1].min())) == (0.0, 1.0)


def test_a_file_with_a_frame_that_cannot_be_read_is_named(tmp_path: Path, subtests: pytest.Subtests) -> None:
    set_folders(tmp_path / "output", tmp_path, tmp_path / "models")
    # A further frame that is cut.
    frames = [Image.effect_noise((64, 64), 90) for _ in range(3)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "film.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(whole[: len(whole) // 2])
    assert LoadImage().load("film.gif")[0].shape == (3, 64, 64, 3)
    # A small file of endless frames.
    frames = [Image.new("P", (2000, 2000), number) for number in range(80)]
    frames[0].save(tmp_path / "bomb.gif", save_all=True, append_images=frames[1:])
    assert (tmp_path / "bomb.gif").stat().st_size < 2**22
    # The field of the width (256) of the second frame, called something else.
    frames = [Image.new("L", (20, 12), number) for number in range(2)]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    content = bytearray((tmp_path / "film.tif").read_bytes())
    content[content.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00\x14")] = 7
    (tmp_path / "film.tif").write_bytes(content)
    reasons = {"cut.gif": "", "bomb.gif": r" \(80 frames of 2000 x 2000 pixels do not fit", "film.tif": ""}
    for name, reason in reasons.items():
        with (
            subtests.test(name=name),
            pytest.raises(ValueError, match=rf"cannot read the image '{re.escape(name)}'{reason}"),
        ):
            LoadImage().load(name)
