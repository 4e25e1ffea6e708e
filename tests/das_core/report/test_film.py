import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakSet

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from cases import each_case
from das_core.report.film import check_film, save_film
from stops import assert_ends_anywhere

STILLS, VIDEOS = (".gif", ".webp", ".png"), (".mp4", ".webm")


def gradients(count: int = 6, height: int = 48, width: int = 64) -> Tensor:
    """Soft pictures that differ from frame to frame."""
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    return torch.stack([torch.stack([x * y, x * (1 - y), 0 * x + 0 * y + n / count]) for n in range(count)])


def read(path: Path) -> tuple[list[Any], list[float]]:
    """The frames of a film (height, width, 3), bytes, and how many seconds lie between every two."""
    if path.suffix in STILLS:
        with Image.open(path) as film:
            shown = [
                (np.asarray(each.convert("RGB")), each.info.get("duration", 0)) for each in ImageSequence.Iterator(film)
            ]
        return [frame for frame, _ in shown], [duration / 1000 for _, duration in shown[1:]]
    with av.open(str(path)) as video:
        decoded = list(video.decode(video=0))
    times = [float(frame.time) for frame in decoded if frame.time is not None]
    # Before version 17, PyAV converts nothing if only the source is named.
    rgb = [frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU601") for frame in decoded]
    pictures = [frame.to_ndarray() for frame in rgb]
    return pictures, [after - before for before, after in pairwise(times)]


def to_bytes(frames: Tensor) -> Any:
    return (frames * 255).round().byte().permute(0, 2, 3, 1).numpy()


@each_case(("suffix", "error"), (".png", 0), *((suffix, 20) for suffix in (".gif", ".webp", *VIDEOS)))
def test_a_film_is_read_back_as_it_was_written_and_takes_as_long_as_it_should(
    tmp_path: Path, suffix: str, error: int
) -> None:
    frames = gradients(14)
    path = save_film(frames, str(tmp_path / f"film{suffix}"), fps=23.976)
    assert path == tmp_path / f"film{suffix}"
    read_back, seconds = read(path)
    for expected, frame in zip(to_bytes(frames).astype(int), read_back, strict=True):
        assert np.abs(frame - expected).mean() <= error / 6
        assert np.abs(frame - expected).max() <= error
    assert sum(seconds) == pytest.approx(13 / 23.976, abs=0.01)
    assert seconds == pytest.approx([1 / 23.976] * 13, abs=0.0101 if suffix == ".gif" else 0.0011)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    # A single frame is a film too.
    assert [frame.shape for frame in read(save_film(frames[:1], path))[0]] == [(48, 64, 3)]


@each_case("suffix", *VIDEOS)
def test_a_video_says_what_its_colours_mean(tmp_path: Path, suffix: str) -> None:
    path = save_film(torch.eye(3)[:, :, None, None].expand(3, 3, 32, 32), tmp_path / f"film{suffix}", fps=24)
    with av.open(str(path)) as video:
        context = video.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.pix_fmt) == (1, 1, "yuv420p")
    for frame, channel in zip(read(path)[0], range(3), strict=True):
        assert frame[16, 16] == pytest.approx(255 * np.eye(3)[channel], abs=4)


@each_case("suffix", *STILLS, *VIDEOS)
def test_an_odd_side_stays_but_that_of_a_video_gets_a_copy_of_its_last_line(tmp_path: Path, suffix: str) -> None:
    frames = gradients(height=33, width=47)
    shown, _ = read(save_film(frames, tmp_path / f"film{suffix}"))
    assert {frame.shape for frame in shown} == {(34, 48, 3) if suffix in VIDEOS else (33, 47, 3)}
    if suffix in VIDEOS:
        expected = np.pad(to_bytes(frames).astype(int), ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
        assert np.abs(np.stack(shown) - expected).max() <= 20


def test_frames_are_pictures_or_batches_side_by_side_and_are_clipped(tmp_path: Path) -> None:
    pair = torch.stack([torch.full((3, 8, 10), -0.5), torch.full((3, 8, 10), 1.5)])
    wide = np.concatenate([np.zeros((8, 10, 3)), np.ones((8, 10, 3))], axis=1)
    frames: list[Any] = [pair, wide, 1 - pair]
    path = save_film(iter(frames), tmp_path / "film.png")
    with Image.open(path) as film:
        # Pillow joins equal frames to a longer one.
        assert [round(each.info["duration"] * 12 / 1000) for each in ImageSequence.Iterator(film)] == [2, 1]
    np.testing.assert_array_equal(read(path)[0], [255 * wide, 255 * (1 - wide)])


@each_case("suffix", *VIDEOS)
def test_a_video_takes_frames_as_they_come_and_keeps_none(tmp_path: Path, suffix: str) -> None:
    alive: WeakSet[Tensor] = WeakSet()
    most: list[int] = []

    def make() -> Iterator[Tensor]:
        for frame in gradients(60).unbind():
            alive.add(frame := frame.clone())
            most.append(len(alive))
            yield frame

    assert len(read(save_film(make(), tmp_path / f"film{suffix}", fps=30000 / 1001))[0]) == len(most) == 60
    assert max(most) <= 3


def wide(width: int) -> Tensor:
    return torch.zeros(1).expand(1, 3, 2, width)


@each_case(("suffix", "width"), (".webp", 16_383), (".mp4", 16_384), (".gif", 65_535), (".png", 65_537))
def test_frames_may_be_as_wide_or_high_as_the_format_allows(tmp_path: Path, suffix: str, width: int) -> None:
    for frame in (wide(width), wide(width).mT):
        shape = read(save_film(frame, tmp_path / f"film{suffix}"))[0][0].shape
        assert shape == tuple(frame.shape[side] for side in (2, 3, 1))


def replace_last(make: Callable[[Tensor], Any]) -> list[Any]:
    frames = list(gradients(3))
    return [*frames[:2], make(frames[2])]


@each_case(
    ("frames", "name", "fps", "says"),
    (gradients(2), "film.avi", 12, r"'film.avi' ends with no format of films; .* \.gif, \.png, \.webp, \.mp4, "),
    (gradients(2), "none/film.gif", 12, r"there is no folder '.*none' for 'film.gif'"),
    (gradients(2), "film.mp4", 0, r"fps of a \.mp4 0 is not between 0\.1 and 120; 12 frames a second are usual"),
    (gradients(2), "film.webp", 121, "121 is not between"),
    (gradients(2), "film.mp4", "x", "'x' is not between"),
    (gradients(2), "film.mp4", float("nan"), "nan is not between"),
    (gradients(2), "film.gif", 60, r"fps of a \.gif 60 is not between 0\.1 and 50"),
    (
        wide(16_384),
        "film.webp",
        12,
        r"'film.webp' cannot have frames of 16,384 x 2 pixels: a \.webp has at most 16,383",
    ),
    (wide(16_384).mT, "film.webp", 12, "frames of 2 x 16,384 pixels"),
    (wide(16_385), "film.mp4", 12, "at most 16,384 on a side, and 260 million in all; make them smaller, show fewer"),
    (wide(65_536), "film.gif", 12, r"a \.gif has at most 65,535 on a side; make them smaller.*or save a \.png"),
    (wide(65_537), "film.webm", 12, "at most 65,536 on a side"),
    ([], "film.webm", 12, "there are no frames for 'film.webm'; give at least one"),
    ("castle.png", "film.gif", 12, "a str is no film"),
    (7, "film.gif", 12, "a int is no film"),
    (replace_last(lambda frame: frame[:, :, :40]), "film.mp4", 12, "frame 3 has 40 x 48 pixels and the first 64 x"),
    (replace_last(lambda frame: frame[:, :, :40]), "film.webp", 12, "frame 3 has 40 x 48 pixels and the first 64"),
    (replace_last(lambda frame: frame * torch.nan), "film.mp4", 12, "frame 3 holds 9216 values that are NaN"),
)
def test_what_is_no_film_is_refused_and_what_was_there_stays(
    tmp_path: Path, frames: Any, name: str, fps: float, says: str
) -> None:
    if "/" not in name:
        (tmp_path / name).write_text("before")
    with pytest.raises(ValueError, match=says):
        save_film(frames, tmp_path / name, fps=fps)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"] * ("/" not in name)


def test_what_prevents_a_film_is_said_before_the_first_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "film.gif").mkdir()
    frames = iter(gradients(2))
    check_film(tmp_path / "film.mp4", size=(16_384, 15_872))
    with pytest.raises(ValueError, match="cannot have frames of 16,384 x 16,256 pixels"):
        check_film(tmp_path / "film.mp4", size=(16_384, 16_256))
    with pytest.raises(ValueError, match=r"'film\.gif' is a folder; give the file another name"):
        save_film(frames, tmp_path / "film.gif")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"PyAV, which writes \.mp4, is not installed; run 'pip install av'"):
        save_film(frames, tmp_path / "film.mp4")
    assert len(list(frames)) == 2


@each_case("suffix", *STILLS, *VIDEOS)
def test_a_long_film_can_be_ended_at_every_frame_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    path, frames = tmp_path / f"film{suffix}", gradients(5)
    assert assert_ends_anywhere(lambda: save_film(frames, path)) >= 5
    assert [found.name for found in tmp_path.iterdir()] == [path.name], "only what was written to its end"
