"""Files of the Hugging Face hub: in a folder already, or fetched whole and checked, within a time.

Not by the hub's own client: that one tries for minutes before it gives up, cannot be stopped, and keeps files where
nobody could put one by hand.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from email.message import Message
from pathlib import Path
from typing import IO

from huggingface_hub import constants, hf_hub_url

from .download import TIMEOUT, Progress, download


def locate_repository(repository: str, folder: Path) -> Path:
    """Where the files of a repository ('owner/name') lie in a folder."""
    return folder / repository.replace("/", "--")


def fetch_file(repository: str, names: Sequence[str], folder: Path, progress: Progress | None = None) -> Path:
    """The first of these files that a repository has: forms of the same thing, the best first.

    ValueError when it has none of them, or when the hub cannot be reached within seconds; it names the files and where
    to put them.
    """
    home = locate_repository(repository, folder)
    for name in names:
        if (home / name).is_file():
            return home / name
    for name in names:
        if path := _fetch(repository, name, home, progress):
            return path
    raise ValueError(
        f"{repository} has no file {' or '.join(names)} that can be had without an account; get it from its page and "
        f"put it into {home}"
    )


def fetch_files(repository: str, main: str, others: Sequence[str], folder: Path) -> Path:
    """The folder with a file of a repository and those of some others that it has. ValueError as for `hub_file`."""
    home = locate_repository(repository, folder)
    if not (home / main).is_file():
        for name in others:
            if not (home / name).is_file():
                _fetch(repository, name, home, None)
        # Last, for it is the sign that the set is complete.
        fetch_file(repository, [main], folder)
    return home


def _fetch(repository: str, name: str, home: Path, progress: Progress | None) -> Path | None:
    """A file of a repository, fetched; None when there is no such file."""
    url = hf_hub_url(repository, name)
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set, which forbids to ask")
        digest = _ask_digest(url)
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(
            f"{name} of {repository} could not be downloaded from {url} ({error}); check the connection, or put the "
            f"file into {home} yourself"
        ) from error
    return None if digest is None else download(url, home, digest, progress)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and keeps the digest that the hub tells on the way to where the file really is."""

    def __init__(self) -> None:
        self.digest = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        self.digest = self.digest or _sha256(headers)
        return urllib.request.Request(newurl, method="HEAD")


def _ask_digest(url: str) -> str | None:
    """The SHA-256 of a file of the hub; '' where the hub does not tell it, None when there is no such file."""
    redirects = _Redirects()
    opener = urllib.request.build_opener(redirects)
    try:
        with opener.open(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT) as answer:
            return redirects.digest or _sha256(answer.headers)
    except urllib.error.HTTPError as error:
        error.close()
        # What needs an account is, to us, not there.
        if error.code in (401, 403, 404):
            return None
        raise


def _sha256(headers: Message) -> str:
    # Of a large file the hub tells the SHA-256, of a small one git's own digest, which is shorter.
    tag = (headers.get("X-Linked-Etag") or "").strip('"')
    return tag if len(tag) == 64 else ""
