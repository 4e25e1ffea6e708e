"""Downloads of weights: a file is stored complete and with the right checksum, or not at all."""

import hashlib
import http.client
from collections.abc import Callable
from pathlib import Path

from ...common.files import explain_unreadable, write_atomically
from .connection import receive

Progress = Callable[[int, int], None]
"""A function that is called while a model is loaded, with two numbers: how much is done, and the total.

During a download both are numbers of bytes, and the total is 0 if it is not known. `load_starter_clip`
downloads nothing: there the numbers are those of the sentences that are encoded, and of all sentences.
"""

_BLOCK = 1 << 20


def download(url: str, folder: Path, digest: str, progress: Progress | None = None) -> Path:
    """Download the file of a URL into a folder, unless it is there already.

    Args:
        url: where the file is; its last part is the name of the file.
        folder: where the file is looked for and stored; the folder is created if it is missing.
        digest: the beginning of the file's SHA-256, in hexadecimal; it is also checked if the file is there already.
            If empty, nothing is checked.
        progress: is called with the number of bytes that have arrived and with the total (0 if it is not known): after
            every MiB, at the end, and four times a second while nothing arrives. An exception that it raises stops the
            download.

    Returns:
        The path of the file. A download that fails or is stopped leaves no file.

    Raises:
        ValueError: when the server cannot be reached, does not have the file, is silent for 20 seconds or sends less
            than 1 KiB a second; when the file cannot be read or written; or when the checksum is wrong.
    """
    target = folder / url.rsplit("/", 1)[-1]
    with explain_unreadable(target):
        if target.is_file():
            check_digest(target, digest)
            return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(target) as part:
            _fetch(url, part, progress)
            check_digest(part, digest, target.name)
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(
            f"{target.name} could not be downloaded from {url} ({error}); check the connection, or put the file "
            f"into {folder} yourself"
        ) from error
    return target


def _fetch(url: str, path: Path, progress: Progress | None) -> None:
    """Write the content of a URL into a new file; raise an error when the connection ends before the last byte."""
    done = told = total = 0

    def tell() -> None:
        nonlocal told
        told = done
        if progress:
            progress(done, total)

    with path.open("xb") as file:
        for piece, total in receive(url, tell):  # noqa: B007 - `tell` reads it
            file.write(piece)
            done += len(piece)
            if done - told >= _BLOCK:
                tell()
    if done > told:
        tell()


def check_digest(path: Path, digest: str, name: str | None = None) -> None:
    """Raise an error when the SHA-256 of a file does not begin with a digest.

    Args:
        path: the file.
        digest: the beginning of the SHA-256, in hexadecimal.
        name: what the message calls the file; by default its own name.

    Raises:
        ValueError: when the SHA-256 begins otherwise.
    """
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if not actual.startswith(digest):
        raise ValueError(
            f"'{name or path.name}' is not the file it should be (SHA-256 begins {actual[:8]}, not {digest[:8]}); "
            "delete it and get it again"
        )
