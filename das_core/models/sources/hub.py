"""Files of the Hugging Face hub: taken from a folder, or downloaded into it.

A file that is in the folder already is used unchecked. A download is stored complete or not at all. It is checked
against the SHA-256 that the hub sends. For small files the hub sends no SHA-256, so they are not checked.

The hub's own client (`huggingface_hub`) is not used for downloads: it retries for minutes before it gives up, it cannot
be stopped, and it stores files under paths that a user could not create by hand.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from pathlib import Path
from typing import IO

from huggingface_hub import constants, hf_hub_url

from ...common.files import explain_unreadable
from .connection import TIMEOUT, call_listening
from .download import Progress, download


def locate_repository(repository: str, folder: Path) -> Path:
    """Return where in a folder the files of a repository ('owner/name') are stored: in 'owner--name'."""
    return folder / repository.replace("/", "--")


def fetch_file(repository: str, names: Sequence[str], folder: Path, progress: Progress | None = None) -> Path:
    """Return the path of a file of a repository; the file is downloaded if it is not in the folder yet.

    A file that is in the folder already is not checked.

    Args:
        repository: its name on the hub, 'owner/name'.
        names: names of files, any one of which is enough; the best first. The first file that is in the folder is
            taken. If none of them is in the folder, the first file that the repository has is downloaded.
        folder: the folder that keeps downloads of the hub, with a folder for each repository.
        progress: is called during a download, see `download`.

    Raises:
        ValueError: when the repository has none of the files, or has them only for users with an account; when the hub
            cannot be reached (in these cases the message names the file and the folder to put it into); when the folder
            cannot be read or written to; or when the checksum of a download is wrong.
    """
    home = locate_repository(repository, folder)
    for name in names:
        if _is_there(home / name):
            return home / name
    for name in names:
        if path := _fetch(repository, name, home, progress):
            return path
    raise ValueError(
        f"{repository} has no file {' or '.join(names)} that can be had without an account; get it from its page and "
        f"put it into {home}"
    )


def fetch_files(
    repository: str, main: str, others: Sequence[str], folder: Path, progress: Progress | None = None
) -> Path:
    """Return the folder of a repository's files; if the main file is not there, the missing files are downloaded.

    Args:
        repository: its name on the hub, 'owner/name'.
        main: the file that the repository must have; if it is in the folder already, nothing is downloaded.
        others: files that the repository may have. If `main` is downloaded, these files are downloaded too, except
            those that the repository does not have and those that are in the folder already.
        folder: the folder that keeps downloads of the hub, with a folder for each repository.
        progress: is called during a download, see `download`.

    Raises:
        ValueError: when the repository does not have `main`, or when the hub cannot be reached; see `fetch_file`.
    """
    home = locate_repository(repository, folder)
    if not _is_there(home / main):
        for name in others:
            if not _is_there(home / name):
                _fetch(repository, name, home, progress)
        # Downloaded last, because this file in the folder means that the set is complete.
        fetch_file(repository, [main], folder, progress)
    return home


def _is_there(path: Path) -> bool:
    """Return whether there is a file; raise a ValueError when its folder cannot be read."""
    with explain_unreadable(path):
        return path.is_file()


def _fetch(repository: str, name: str, home: Path, progress: Progress | None) -> Path | None:
    """Download a file of a repository into `home`; return its path, or None if it is missing or needs an account."""
    url = hf_hub_url(repository, name)
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set, which forbids to ask")
        # During the wait, `progress` is called with 0 of 0 bytes, so that it can stop the download by an exception.
        digest = call_listening(lambda: _ask_digest(url), lambda: progress and progress(0, 0), 3 * TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(
            f"{name} of {repository} could not be downloaded from {url} ({error}); check the connection, or put the "
            f"file into {home} yourself"
        ) from error
    return None if digest is None else download(url, home, digest, progress)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A handler that follows redirects by HEAD requests, and keeps the SHA-256 that the hub sends with a redirect."""

    def __init__(self) -> None:
        self.digest = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        self.digest = self.digest or _read_digest(headers)
        return urllib.request.Request(newurl, method="HEAD")


def _ask_digest(url: str) -> str | None:
    """Return the SHA-256 of a file of the hub; '' if none is sent, None if the file is missing or needs an account."""
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    try:
        with opener.open(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT) as answer:
            return redirects.digest or _read_digest(answer.headers)
    except urllib.error.HTTPError as error:
        error.close()
        # A file that needs an account cannot be downloaded here, so it counts as missing.
        if error.code in (401, 403, 404):
            return None
        raise


def _read_digest(headers: Message) -> str:
    """Return the SHA-256 that the headers of a response of the hub contain; '' if they contain none."""
    # For a large file the hub sends the SHA-256, which has 64 digits; for a small file, git's digest, which is shorter.
    tag = (headers.get("X-Linked-Etag") or "").strip('"')
    return tag if len(tag) == 64 else ""
