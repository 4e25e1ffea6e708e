"""Measures the statistics of photographs that a user gives, in the norms of a model, and keeps them in a file."""

import hashlib
import logging
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from ..common.files import explain_unreadable
from ..common.images import Images, check_images, fit_square
from ..common.interruption import pausing
from ..common.text import shorten
from .judge import Judge
from .photograph_statistics import Known, find_norms, measuring_moments, take_early
from .sources.kept_tensors import STATISTICS, digest_tensors, read_tensors, write_tensors

FEWEST = 4  # The fewest photographs of which statistics are taken: those of a single one are its style.
Photographs = Images | Path | str  # Photographs: images, or a folder with files of them, whose subfolders are left out.

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
_MOST_PIXELS = 2**26  # Of a file, which takes three bytes a pixel while it is read.
_FLAT = 0.02  # A picture in whose channels the values differ by less shows nothing.
AT_ONCE = 8  # How many of them the model is shown at once.

# The errors of Pillow for files that are no photographs, are damaged, or claim to be huge.
_DAMAGES = (OSError, ValueError, SyntaxError, LookupError, ArithmeticError, struct.error, Image.DecompressionBombError)
_LOG = logging.getLogger(__name__)


def measure_photographs(judge: Judge, photographs: Photographs, keep: Path | None = None) -> tuple[Known, ...]:
    """Return the statistics of photographs in the norms of a single judge, or in its convolutions if it has no norms.
    They are written to the folder `keep`, and read from there the next time; None for no file."""
    pictures = find_pictures(photographs)
    names = _choose_parts(judge)
    # What parts there are and how many channels they have, a run of the model tells.
    probed, _ = _sum_moments(judge, names, [torch.linspace(0, 1, judge.size).expand(1, 3, judge.size, -1)])
    if not probed:
        raise ValueError(f"{judge.name} has no norms and no convolutions in which photographs could be compared")
    names, key = list(probed), _digest(judge, pictures) if keep else ""
    path = keep and keep / f"{STATISTICS}{key[:16]}.safetensors"
    known = path and read_tensors(path, key, {name: sums.shape for name, sums in probed.items()})
    if not known:
        sums, count = _sum_moments(judge, names, pictures)
        if count < FEWEST:
            raise ValueError(
                f"{count} of {len(pictures)} photographs show something, and to know what photographs are like takes "
                f"{FEWEST}, better a hundred; give more, or ask for the style of a single one"
            )
        mean, square = ({name: each[of] / count for name, each in sums.items()} for of in (0, 1))
        known = {
            name: torch.stack([mean[name], (square[name] - mean[name].square()).clamp(min=0)]).float() for name in sums
        }
        if path:
            write_tensors(path, key, known)
    return tuple((name, *each) for name, each in known.items())


def find_pictures(photographs: Photographs) -> Sequence[Path | Tensor]:
    """Return the files of a folder, or the single images (1, 3, H, W) of a batch."""
    if not isinstance(photographs, str | os.PathLike):
        return check_images(photographs, "photographs").split(1)
    folder = Path(photographs)
    if not os.path.isdir(folder):
        raise ValueError(f"there is no folder of photographs '{shorten(str(folder), 300)}'; give the path of one")
    with explain_unreadable(folder):
        return sorted(path for path in folder.iterdir() if path.is_file())


def _digest(judge: Judge, pictures: Sequence[Path | Tensor]) -> str:
    """Return the SHA-256 of the weights of a judge and of pictures, whose files may be of any size."""
    digest = hashlib.sha256(digest_tensors(judge.module.state_dict()).encode())
    for picture in pausing(pictures):
        if isinstance(picture, Path):
            with explain_unreadable(picture), picture.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        else:
            digest.update(digest_tensors({"": picture}).encode())
    return digest.hexdigest()


def _choose_parts(judge: Judge) -> list[str]:
    names = [name for name, *_ in find_norms(judge.module)]
    for kinds in ((nn.GroupNorm, nn.LayerNorm, nn.RMSNorm), nn.Conv2d):
        parts = [name for name, part in judge.module.named_modules() if isinstance(part, kinds)]
        names = names or list(take_early(parts))
    return names


def _sum_moments(
    judge: Judge, names: Sequence[str], pictures: Sequence[Path | Tensor]
) -> tuple[dict[str, Tensor], int]:
    """Return the sums of mean and mean square, (2, C), by the name of the part, and how many pictures were shown."""
    sums: dict[str, Tensor] = {}
    runs: dict[str, int] = {}

    def hear(name: str, moments: tuple[Tensor, Tensor]) -> None:
        # A part may have something other than one row for each picture, such as windows of all pictures.
        if len(moments[0]) != len(shown):
            return
        runs[name] = runs.get(name, 0) + len(moments[0])
        sums[name] = sums.get(name, 0) + torch.stack(moments).double().sum(dim=1).cpu()

    count, shown = 0, list[Tensor]()
    with measuring_moments(judge.module, names, hear):
        for begin in pausing(range(0, len(pictures), AT_ONCE)):
            read = [read_picture(picture, judge.size) for picture in pictures[begin : begin + AT_ONCE]]
            shown = [picture for picture in read if picture is not None]
            if shown:
                judge.probe(torch.cat(shown))
                count += len(shown)
    # A part that runs twice for a picture counts with its mean.
    return {name: total * count / runs[name] for name, total in sums.items()}, count


def read_picture(picture: Path | Tensor, size: int) -> Tensor | None:
    """Return a picture (1, 3, size, size), 0..1; None for a file that is none, or a picture of one colour."""
    if isinstance(picture, Path):
        try:
            with Image.open(picture, formats=_FORMATS) as file:
                if file.width * file.height > _MOST_PIXELS:
                    raise ValueError(f"it has {file.width} x {file.height} pixels")
                file.draft("RGB", (2 * size, 2 * size))
                picture = check_images(file, "photograph")
        except _DAMAGES as error:
            _LOG.warning("%s is left out of the photographs (%s)", picture, shorten(str(error), 200))
            return None
    seen = fit_square(picture, size)
    darkest, brightest = seen.flatten(2).aminmax(dim=2)
    return seen if float((brightest - darkest).max()) > _FLAT else None
