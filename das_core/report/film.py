"""Films: pictures one after the other in one file. Pillow writes .gif, .webp and .png, PyAV .mp4 and .webm."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..common.files import check_writable, write_atomically
from ..common.images import Bytes, Images, check_images, to_bytes
from ..common.interruption import pausing
from ..common.scalars import check_number
from ..common.text import shorten

FPS = 12.0  # The default frame rate: the 60 steps of the recipe `picture` make a film of five seconds.

# The highest frame rates. Many viewers show a frame of a GIF that lasts a hundredth of a second for a tenth.
_FASTEST, _FASTEST_GIF = 120.0, 50.0

_STILLS: dict[str, tuple[str, int, dict[str, Any]]] = {
    ".gif": ("GIF", 10, {}),
    ".png": ("PNG", 1, {}),
    ".webp": ("WEBP", 1, {"quality": 90, "method": 4}),
}
"""For each ending: Pillow's name of the format, the unit in which it stores times in milliseconds, and settings."""

# At these values of `crf` hardly anybody sees a difference to the frames; `b=0` removes VP9's limit on the bit rate.
_VIDEOS: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    ".mp4": ("mp4", "libx264", {"crf": "18"}, {"movflags": "faststart"}),
    ".webm": ("webm", "libvpx-vp9", {"crf": "24", "b": "0"}, {}),
}
"""For each ending: the container, the codec, the settings of the codec, and those of the container."""

_LONGEST = {".gif": 65_535, ".webp": 16_383, ".png": 2**31 - 1, ".mp4": 16_384, ".webm": 65_536}
"""For each ending: the most pixels of a side, by its format or its codec."""

_BORDER, _MOST_PIXELS = 129, 2**28  # FFmpeg takes frames of fewer pixels, counted with a border of 128 on two sides.

_BT709, _LIMITED = 1, 1  # FFmpeg's numbers for the colours of Rec. ITU-R BT.709, and for the limited range of values.


def save_film(frames: Iterable[Images], path: Path | str, *, fps: float = FPS, **settings: Any) -> Path:
    """Write pictures as a film, atomically, and return its path.

    A film in .mp4 or .webm may have any length. For .gif, .webp and .png, all frames are kept in memory, with three
    bytes per pixel. A PNG is lossless; a GIF has 256 colours per frame. Odd sides of videos are made even.

    Args:
        frames: a tensor (N, 3, H, W), 0..1, or any iterable of frames: each one or several `Images`, side by side.
        path: the file, which is replaced. Its ending is the format: .gif, .webp, .png, .mp4 or .webm.
        fps: the frames per second, 0.1..120; at most 50 in a GIF.
        settings: of Pillow, which writes .gif, .webp and .png.

    Raises:
        ValueError: when a setting or a frame cannot be used, such as one that is too large for the format, or PyAV is
            needed and not installed.
        OSError: when the file cannot be written.
    """
    suffix = check_film(path, fps)
    path = Path(path)
    pixels = _read_frames(frames)
    first = next(pixels, None)
    if first is None:
        raise ValueError(f"there are no frames for '{path.name}'; give at least one")
    check_film(path, fps, first.shape[1::-1])
    with write_atomically(path) as part:
        write = _write_video if suffix in _VIDEOS else _write_stills
        write(first, pixels, part, suffix, fps, **settings)
    return path


def check_film(path: Path | str, fps: float = FPS, size: tuple[int, ...] = (1, 1)) -> str:
    """Check, before the first frame is made, that `save_film` can write frames of this width and height; return the
    path's ending in lower case."""
    path = check_writable(path)
    suffix = path.suffix.lower()
    if suffix not in _STILLS | _VIDEOS:
        endings = ", ".join(_STILLS | _VIDEOS)
        raise ValueError(f"'{shorten(path.name)}' ends with no format of films; let it end with one of {endings}")
    if suffix in _VIDEOS:
        try:
            import av  # noqa: F401
        except ImportError as error:
            raise ValueError(
                f"PyAV, which writes {suffix}, is not installed; run 'pip install av' and start again, or save a .webp"
            ) from error
    fastest = _FASTEST_GIF if suffix == ".gif" else _FASTEST
    check_number(f"fps of a {suffix}", fps, 0.1, fastest, f"{FPS:g} frames a second are usual")
    width, height = size
    is_large = suffix in _VIDEOS and (width + _BORDER) * (height + _BORDER) >= _MOST_PIXELS
    if is_large or max(width, height) > _LONGEST[suffix]:
        limit = f"{_LONGEST[suffix]:,} on a side{', and 260 million in all' * (suffix in _VIDEOS)}"
        raise ValueError(
            f"'{shorten(path.name)}' cannot have frames of {width:,} x {height:,} pixels: a {suffix} has at most "
            f"{limit}; make them smaller, show fewer side by side, or save a .png"
        )
    return suffix


def _read_frames(frames: Iterable[Images]) -> Iterator[Bytes]:
    """Yield frames as arrays of bytes, the images of a frame side by side."""
    if isinstance(frames, str | bytes | Image.Image) or not isinstance(frames, Iterable):
        raise ValueError(
            f"a {type(frames).__name__} is no film; give a tensor (N, 3, height, width) or a list of frames"
        )
    size = None
    for number, frame in enumerate(pausing(frames), start=1):
        pixels = to_bytes(check_images(frame, f"frame {number}"))
        size = size or pixels.shape
        if pixels.shape != size:
            (height, width, _), (first_height, first_width, _) = pixels.shape, size
            raise ValueError(
                f"frame {number} has {width} x {height} pixels and the first {first_width} x {first_height}; resize one"
            )
        yield pixels


def _write_stills(first: Bytes, others: Iterable[Bytes], part: Path, suffix: str, fps: float, **own: Any) -> None:
    """Write a film to the temporary file `part` with Pillow, which needs all frames at once."""
    kind, unit, settings = _STILLS[suffix]
    picture, *more = [Image.fromarray(frame) for frame in chain([first], others)]
    # The beginnings of the frames and the end of the film are rounded, so that errors of the durations do not add up.
    begins = [unit * round(number * 1000 / fps / unit) for number in range(len(more) + 2)]
    durations = [end - begin for begin, end in pairwise(begins)]
    picture.save(part, kind, save_all=True, append_images=more, duration=durations, loop=0, **settings, **own)


def _write_video(first: Bytes, others: Iterable[Bytes], part: Path, suffix: str, fps: float) -> None:
    """Write a film to the temporary file `part` with PyAV, frame by frame."""
    import av

    container, codec, settings, flags = _VIDEOS[suffix]
    height, width, _ = first.shape
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    with av.open(str(part), "w", format=container, options=flags) as film:
        stream: Any = film.add_stream(codec, rate=Fraction(fps).limit_denominator(1000), options=settings)
        stream.height, stream.width, stream.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
        # Written into the file, because players otherwise guess the colour space from the size of the picture.
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        for pixels in chain([first], others):
            frame = av.VideoFrame.from_ndarray(np.pad(pixels, odd, mode="edge"), format="rgb24")
            film.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        film.mux(stream.encode(None))
