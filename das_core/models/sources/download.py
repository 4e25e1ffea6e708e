"""Weights from the net: whole and checked, or not at all."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ...common.files import write_atomically

# Seconds without a byte before a connection counts as broken.
TIMEOUT = 20.0
_BLOCK = 1 << 20


def download(url: str, folder: Path, digest: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """The file of a URL in `folder`, fetched unless it is there; its SHA-256 must begin with `digest`.

    The file appears whole or not at all. `progress` is told the bytes done and the bytes in all; what it raises stops
    the download. ValueError when the net cannot be reached within seconds or the checksum is wrong.
    """
    target = folder / url.rsplit("/", 1)[-1]
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


def _fetch(url: str, path: Path, progress: Callable[[int, int], None] | None) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, path.open("xb") as file:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else 0
        while block := response.read(_BLOCK):
            file.write(block)
            if progress:
                progress(file.tell(), total)
        if file.tell() < total:
            # The library reads a connection that was cut as if it were the end.
            raise http.client.IncompleteRead(b"", total - file.tell())


def check_reachable(url: str) -> None:
    """OSError unless the host of a URL answers within seconds, whatever its answer."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT).close()
    except urllib.error.HTTPError as answer:
        answer.close()


def check_digest(path: Path, digest: str, name: str | None = None) -> None:
    """ValueError unless the SHA-256 of a file begins with `digest` (hexadecimal)."""
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if not actual.startswith(digest):
        raise ValueError(
            f"'{name or path.name}' is not the file it should be (SHA-256 begins {actual[:8]}, not {digest[:8]}); "
            "delete it and get it again"
        )


Progress = Callable[[int, int], None]
