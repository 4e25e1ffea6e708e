"""Downloads of weights: a file is stored complete, or not at all.

A thread waits for the server, so that the caller can cancel at any time. The downloads of torch.hub and of the client
of the Hugging Face hub cannot be cancelled and wait without end or retry for minutes, and the latter stores files under
paths that a user could not create by hand. Here a file of the repository OWNER/NAME is in the folder OWNER--NAME.
"""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from huggingface_hub import constants, hf_hub_url

from ...common.files import explain_unreadable, write_atomically
from ...common.text import shorten

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""A function that is called while a model is loaded, with how many bytes of it have arrived and their total (0 if it is
not known). It can raise an exception to cancel."""

TIMEOUT = 20.0  # Seconds with less than `_SLOWEST` bytes a second, after which a connection counts as broken.

_SLOWEST = 1024
_TICK = 0.25  # Seconds from one call of `progress` to the next while nothing arrives.

_BLOCK = 1 << 20
_PIECE = 1 << 16


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but none from https to where others can read and change what is sent."""

    def redirect_request(self, req: urllib.request.Request, *rest: Any) -> urllib.request.Request | None:
        """Return the request for the address in `rest`."""
        if req.type == "https" and urlsplit(rest[-1]).scheme != "https":
            raise OSError(f"it redirects from https to {shorten(rest[-1], 200)}, which is not secure")
        return super().redirect_request(req, *rest)


class MissingError(ValueError):
    """The error for a file that a server does not have, or has only for users with an account."""


def download(
    url: str, folder: Path, digest: str = "", progress: Progress | None = None, name: str | None = None
) -> Path:
    """Download the file of a URL into a folder, unless it is there already, and return its path. `digest`, the
    beginning of its SHA-256 in hexadecimal, is checked in both cases. Its name is `name`, or the end of the URL."""
    target = folder / (name or url.rpartition("/")[2])
    if _is_there(target):
        check_digest(target, digest)
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(target) as part:
            _receive(url, part, progress or (lambda done, total: None))
            check_digest(part, digest, target.name)
    except (OSError, http.client.HTTPException) as error:
        missing = isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404)
        raise (MissingError if missing else ValueError)(
            f"{target.name} could not be downloaded from {url} ({error}); check the connection, or put the file "
            f"into {folder} yourself"
        ) from error
    return target


def compute_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, digest: str, name: str | None = None) -> None:
    """Raise an error when the SHA-256 of a file, which messages call `name`, does not begin with a digest."""
    actual = compute_digest(path)
    if not actual.startswith(digest):
        raise ValueError(
            f"'{name or path.name}' is not the file it should be (SHA-256 begins {actual[:8]}, not {digest[:8]}); "
            "delete it and get it again"
        )


def _receive(url: str, path: Path, progress: Progress) -> None:
    """Write the content of a URL into a new file; call `progress` at the end, for every MiB, and while it waits."""
    done = told = before = total = 0
    since = time.monotonic()

    def await_call(call: Callable[[], T]) -> T:
        """Return the result of a call in the thread."""
        nonlocal before, since
        answer = thread.submit(call)
        while True:
            ready = wait([answer], _TICK).done
            if (seconds := time.monotonic() - since) >= TIMEOUT:
                if done - before < _SLOWEST * TIMEOUT:
                    raise TimeoutError(f"timed out: {done - before} bytes came in {seconds:.0f} seconds")
                before, since = done, time.monotonic()
            if ready:
                return answer.result()
            progress(done, total)

    with path.open("wb") as file:
        thread = ThreadPoolExecutor(1)
        try:
            opener = urllib.request.build_opener(_SafeRedirects)
            response = await_call(lambda: opener.open(url, timeout=TIMEOUT))
            if response.headers.get_content_type() == "text/html":
                raise OSError("the answer is a web page, perhaps of a proxy or of a network that wants a login")
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() and len(length) < 20 else 0
            while piece := await_call(lambda: response.read1(_PIECE)):
                file.write(piece)
                done += len(piece)
                if done // _BLOCK > told // _BLOCK:
                    progress(done, total)
                    told = done
        finally:
            # Not waited for: a thread that still waits for the server ends when its connection times out.
            thread.shutdown(wait=False)
    if done < total:
        # If the connection is cut, Python's HTTP client raises no error: it behaves as if the answer had ended.
        raise http.client.IncompleteRead(b"", total - done)
    progress(done, total)


def locate_repository(repository: str, folder: Path) -> Path:
    """Return where in a folder the files of a repository of the hub ('owner/name') are stored: in 'owner--name'."""
    return folder / repository.replace("/", "--")


def fetch_file(
    repository: str, names: Sequence[str], folder: Path, progress: Progress | None = None, beside: Sequence[str] = ()
) -> Path:
    """Return the path of the first of some files that is in the folder; else download the first that there is, and
    before it those of the files `beside` it that there are."""
    home = locate_repository(repository, folder)
    for name in names:
        if _is_there(home / name):
            return home / name
    # The file is downloaded last, because it means that the set is complete and nobody has to be asked again.
    for name in beside:
        with suppress(MissingError):
            fetch_file(repository, [name], folder, progress)
    for name in names:
        if constants.HF_HUB_OFFLINE:
            raise ValueError(
                f"{name} of {repository} could not be downloaded (HF_HUB_OFFLINE is set, which forbids it); unset it, "
                f"or put the file into {home} yourself"
            )
        with suppress(MissingError):
            return download(hf_hub_url(repository, name), home, progress=progress)
    raise MissingError(
        f"{repository} has no file {' or '.join(names)} that can be had without an account; get it from its page and "
        f"put it into {home}"
    )


def _is_there(path: Path) -> bool:
    """Return whether there is a file; raise a ValueError when its folder cannot be read."""
    with explain_unreadable(path):
        return path.is_file()
