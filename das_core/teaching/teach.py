"""`teach`: a judge that sees through noise, from any judge and a folder of photographs."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import safetensors.torch

from ..common.files import check_writable, write_atomically
from ..common.modes import own_modes
from ..common.tensor_file import write_tensor_file
from ..models.difference import Difference, apply_difference, read_difference, write_difference
from ..models.judge import Judge
from ..models.photographs import Photographs
from .crops import Lessons, read_lessons
from .teaching import Progress, Teaching

J = TypeVar("J", bound=Judge)

Watch = Callable[[Progress], object]

_LOG = logging.getLogger(__name__)
_SAVING = 60.0  # Seconds between two writings of the state.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)


@own_modes()
def teach(
    judge: J,
    photographs: Photographs | Lessons,
    *,
    crops: int | None = None,
    minutes: float = 30.0,
    rank: int = 32,
    seed: int = 0,
    misled: float = 0.3,
    path: Path | str | None = None,
    watch: Watch | None = None,
) -> J:
    """Return a judge that answers under noise as this one answers without; pictures that climb it are whole things.

    The judge is its own teacher: a copy of it sees crops of the photographs under Gaussian noise, some grey, some from
    afar, later also changed so that they mislead it, and learns to answer as the original does to the crop itself. No
    labels are needed (docs/teaching.md). Robust networks are known to have gradients that show shapes (Santurkar et
    al., 2019, arXiv 1906.09453), also those trained under noise (Kaur et al., 2019, arXiv 1910.08640).

    Args:
        judge: a classifier, a CLIP, of which the image tower is taught, or any other single judge, in fp32.
        photographs: a folder of them, or images (B, 3, H, W), 0..1: at least 8, better 1,000 of what you will ask for.
            One of 16 teaches nothing, and shows what is learned. Or what `read_lessons` has read of them.
        crops: how many crops it sees; 40,000 carry far. The same seed gives the same weights. None: by `minutes`.
        minutes: for how long it is taught: 5 are a beginning, 30 on two cores carry far.
        rank: of the products that change large weights, 1 to 4096; 8 gives a small file, 64 learns a little more.
        seed: of crops and noise.
        misled: the share of the time, 0..1, at its end, in which crops are also changed so that they mislead the copy:
            what it learns then makes bodies whole, and costs texture. At 0 it learns from noise alone.
        path: a .safetensors file for what is learned, which `load_taught` takes. If teaching is cancelled or killed,
            the same call goes on from the file beside it that ends in '.state', also with more minutes, or with
            fewer, so that it ends there. Once it is over, the same call reads the file, and others do not replace it.
        watch: is called after every batch with the `Progress`.

    Raises:
        ValueError: when the judge cannot learn, too few photographs are left, the loss is no number, or no file can be
            written at `path`, or another call has written one there.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> photographs = torch.rand(8, 3, 64, 64)
        >>> taught = da.teach(da.load_starter(), photographs, crops=16)
        >>> taught.name
        'EfficientNet-Lite0, taught'
    """
    target = None if path is None else check_writable(path)
    lessons = read_lessons(photographs, judge.size)
    teaching = Teaching(judge, lessons, crops, minutes, rank, seed, misled)
    asked = (teaching.digest, crops, rank, seed, misled, lessons.digest)
    key, lesson = _digest(asked), _digest((*asked, crops is None and minutes))
    if target is not None and (known := _find_taught(target, lesson)) is not None:
        return apply_difference(judge, known)
    state = None if target is None else target.with_name(f"{target.name}.state")
    if state is not None:
        _go_on(teaching, state, key)
    saved = time.monotonic()
    try:
        for progress in teaching:
            if watch is not None:
                watch(progress)
            if state is not None and time.monotonic() - saved > _SAVING:
                _keep(teaching, state, key)
                saved = time.monotonic()
    except BaseException:
        if state is not None and teaching.progress.crops:
            _keep(teaching, state, key)
        raise
    learned = replace(teaching.difference, lesson=lesson)
    if target is not None and state is not None:
        write_difference(target, learned)
        state.unlink(missing_ok=True)
    return apply_difference(judge, learned)


def load_taught(judge: J, path: Path | str) -> J:
    """Return a judge like this one, with what `teach` has written to a file; of an ensemble, the member that it is of.

    Args:
        judge: a judge with the weights that were taught, in fp32.
        path: the file.

    Raises:
        ValueError: when the file cannot be read, is damaged, or belongs to another model.

    Example:
        >>> import tempfile
        >>> import torch
        >>> import direct_ascent as da
        >>> path = tempfile.mkdtemp() + "/lite0.safetensors"
        >>> taught = da.teach(da.load_starter(), torch.rand(8, 3, 64, 64), crops=16, path=path)
        >>> da.load_taught(da.load_starter(), path).name
        'EfficientNet-Lite0, taught'
    """
    return apply_difference(judge, read_difference(Path(path)))


def _digest(asked: tuple[object, ...]) -> str:
    """Return what tells calls apart."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()


def _find_taught(path: Path, lesson: str) -> Difference | None:
    """Return what the same call has taught before; None if no file is there; raise a ValueError for what another call
    has taught, which took its time, and for any other file, which would be replaced."""
    if not path.exists():
        return None
    known = read_difference(path)
    if known.lesson != lesson:
        raise ValueError(
            f"'{path.name}' holds what {known.model} was taught with other photographs or settings; give this lesson "
            "another name, or remove that file"
        )
    return known


def _go_on(teaching: Teaching, path: Path, key: str) -> None:
    """Go on from a file of the state, if it is there; of a damaged one it only warns; raise a ValueError for one of
    another call, which would be replaced."""
    if not path.is_file():
        return
    try:
        with safetensors.safe_open(path, "pt") as file:
            same = (file.metadata() or {}).get("key") == key
            state = {name: file.get_tensor(name) for name in file.keys()} if same else {}  # noqa: SIM118
        if same:
            teaching.read_state(state)
    except _DAMAGES as error:
        _LOG.warning("%s cannot be used (%s): teaching begins anew", path, error)
        return
    if not same:
        raise ValueError(
            f"'{path.name}' holds what was begun with other photographs or settings; give this lesson another name, or "
            "remove that file"
        )


def _keep(teaching: Teaching, path: Path, key: str) -> None:
    """Write the state to a file; a disk that is full is only a warning."""
    try:
        with write_atomically(path) as part:
            write_tensor_file(part, teaching.write_state(), {"key": key})
    except OSError as error:
        _LOG.warning("%s could not be written (%s): what is learned is not kept", path, error)
