"""Photographs that a user gives: images and folders, and what is left out of them."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from das_core.models.photographs import find_pictures, read_picture
from toys import random_views

PHOTOGRAPHS = random_views(12, 9)


def test_what_is_no_photograph_in_a_folder_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "more").mkdir()
    for number, picture in enumerate(PHOTOGRAPHS):
        Image.fromarray((picture.permute(1, 2, 0) * 255).round().byte().numpy()).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no photograph")
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:60])
    Image.new("L", (9000, 9000)).save(tmp_path / "large.png")
    Image.new("RGB", (12, 12), "red").save(tmp_path / "red.png")
    for folder in (tmp_path, str(tmp_path)):
        found = [read_picture(path, 12) for path in find_pictures(folder)]
        assert sum(one is not None for one in found) == len(PHOTOGRAPHS)
    assert all(name in caplog.text for name in ("notes.txt", "cut.png", "large.png is left out"))
    with pytest.raises(ValueError, match="there is no folder of photographs 'nowhere'"):
        find_pictures("nowhere")
    shown = [read_picture(one, 12) for one in find_pictures(PHOTOGRAPHS)]
    assert torch.equal(torch.cat([one for one in shown if one is not None]), PHOTOGRAPHS)
