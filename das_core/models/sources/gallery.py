"""A list of judges worth trying, with addresses and licences, and of one's own; each is downloaded when picked."""

import hashlib
import os
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ...common.files import explain_unreadable, write_atomically
from ...common.scalars import check_number
from ...common.text import shorten
from .download import Progress, compute_digest, download

OWN = "gallery.toml"  # The name of the file with judges of one's own, in a folder of models.

FOLDER = "gallery"  # Below a folder of models, what is downloaded from addresses of the list.

# Bytes of a list, some 200 judges, and characters of its lines: the time for a key grows with the square of its dots.
_LARGEST, _LONGEST_LINE = 2**16, 2500
_LONGEST, _LONGEST_NAME = 2000, 100  # Characters of a value in it, and of a name; bytes of the name of a file.
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A judge that can be had: `gallery.toml` explains the fields."""

    name: str
    address: str
    license: str = "licence not stated"
    good_for: str = ""
    megabytes: float = 0.0
    digest: str = ""
    architecture: str = ""
    source: str = ""

    @property
    def title(self) -> str:
        """The name, with size and licence, such as 'ResNet-50, robust (L2, 3): 205 MB, MIT'."""
        size = f"{self.megabytes:.2g} MB, " if 0 < self.megabytes < 1 else f"{self.megabytes:.0f} MB, "
        return f"{self.name}: {size if self.megabytes else ''}{self.license}"

    @property
    def file(self) -> str:
        """The name of the file at the address; empty for a model of timm, open_clip or the hub."""
        is_file = self.address.startswith("https://")
        return unquote(urlsplit(self.address).path).rpartition("/")[2] if is_file else ""


def list_gallery(kind: str, folder: Path | None = None) -> dict[str, Entry]:
    """Return the judges of a kind (`classifiers` or `open_clip`) by their titles: those of this package,
    and those of the file gallery.toml in a folder, if there is one. A ValueError says what is wrong in it."""
    entries = _read(Path(__file__).parents[1] / OWN, kind)
    if folder is not None and os.path.isfile(own := folder / OWN):  # Unlike `Path.is_file`, it raises nothing.
        entries = entries | {name: entry for name, entry in _read(own, kind).items() if name not in entries}
    return {entry.title: entry for entry in entries.values()}


def fetch(entry: Entry, folder: Path, progress: Progress | None = None) -> Path:
    """Return the path of the file of an entry, in a folder of its name and address, after downloading it if it is not
    there. Raises a ValueError when it is not the file that the list means, or the one that was downloaded first."""
    # A name may be that of another entry but for its signs, or be ".."; the digest tells all names and addresses apart.
    plain = re.sub(r"[^A-Za-z0-9]+", "_", entry.name)[:40]
    home = folder / FOLDER / f"{plain}-{hashlib.sha256(repr((entry.name, entry.address)).encode()).hexdigest()[:16]}"
    kept = home / f"{entry.file}.sha256"
    digest = entry.digest
    with explain_unreadable(kept):
        if not digest and kept.is_file():
            digest = kept.read_bytes()[:64].decode("latin-1")
            if not _DIGEST.fullmatch(digest):
                raise ValueError(
                    f"'{kept}' is damaged: it should hold the SHA-256 of the first download of {entry.file}; delete "
                    "it, and the file beside it unless you trust that"
                )
    path = download(quote(entry.address, safe=string.punctuation), home, digest, progress, entry.file)
    if not digest:
        with write_atomically(kept) as part:
            part.write_text(compute_digest(path), encoding="utf-8")
    return path


def _read(path: Path, kind: str) -> dict[str, Entry]:
    """Return the entries of a kind in a file by their names."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than a list")
        text = path.read_text(encoding="utf-8")
        if max(map(len, text.split("\n"))) > _LONGEST_LINE:
            raise ValueError(f"it has a line of more than {_LONGEST_LINE} characters")
        content = tomllib.loads(text)
        section = content.get(kind, {})
        if not isinstance(section, Mapping):
            raise ValueError(f'{kind} is no table; begin each judge with [{kind}."its name"]')
        return {name: _read_entry(name, values, kind) for name, values in section.items()}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({shorten(str(error), 200)}); correct it, or remove it") from error


def _read_entry(name: str, values: Any, kind: str) -> Entry:
    if not isinstance(values, Mapping) or not isinstance(values.get("address"), str):
        raise ValueError(f"'{shorten(name)}' has no address; write address = \"https://…\"")
    if unknown := values.keys() - ({field.name for field in fields(Entry)} - {"name"}):
        raise ValueError(f"'{shorten(name)}' has the unknown key '{shorten(min(unknown))}'")
    texts = {key: value for key, value in values.items() if key != "megabytes"}
    if not all(isinstance(value, str) and len(value) <= _LONGEST for value in texts.values()):
        raise ValueError(f"'{shorten(name)}' has a value that is no text of at most {_LONGEST} characters")
    megabytes = check_number(f"size of '{shorten(name)}'", values.get("megabytes", 0), 0, 1e6, "write megabytes")
    if texts.get("digest") and not _DIGEST.fullmatch(texts["digest"]):
        raise ValueError(
            f"the digest of '{shorten(name)}' is no SHA-256; write its 64 hexadecimal digits in small type"
        )
    entry = Entry(name, megabytes=megabytes, **texts)
    known = entry.address.startswith(("timm/", "open_clip/", "hf-hub:"))
    if not known and not re.fullmatch(r"[\w+,=@-][\w+.,=@ -]*\.[a-z]+", entry.file):
        raise ValueError(
            f"the address of '{shorten(name)}' is neither https://… with the name of a file, nor, for "
            "classifiers and CLIPs, timm/…, open_clip/… or hf-hub:OWNER/NAME"
        )
    if max(len(name), len(entry.file.encode())) > _LONGEST_NAME:
        raise ValueError(
            f"'{shorten(name)}' has a name of {len(name)} characters and a file whose name takes "
            f"{len(entry.file.encode())} bytes; {_LONGEST_NAME} are allowed for each: write a shorter one"
        )
    return entry
