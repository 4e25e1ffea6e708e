"""A list of judges worth trying, with addresses and licences, and of one's own; each is downloaded when picked."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ...common.files import write_atomically
from ...common.scalars import as_number
from ...common.text import shorten
from .download import Progress, compute_digest, download

OWN = "gallery.toml"  # The name of the file with judges of one's own, in a folder of models.

FOLDER = "gallery"  # Below a folder of models, what is downloaded from addresses of the list.

_LARGEST = 2**20  # Bytes of a list.
_LONGEST = 2000  # Characters of a value in it; of a name 100.


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
    clip: str = ""
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
    """Return the judges of a kind (`classifiers`, `open_clip`, `preferences`) by their titles: those of this package,
    and those of the file gallery.toml in a folder, if there is one. A ValueError says what is wrong in it."""
    entries = _read(Path(__file__).parents[1] / OWN, kind)
    if folder is not None and (own := folder / OWN).is_file():
        entries = entries | {name: entry for name, entry in _read(own, kind).items() if name not in entries}
    return {entry.title: entry for entry in entries.values()}


def fetch(entry: Entry, folder: Path, progress: Progress | None = None) -> Path:
    """Return the path of the file of an entry, in a folder of its own, after downloading it if it is not there. Raises
    a ValueError when it is not the file that the list means, or the one that was downloaded first."""
    home = folder / FOLDER / re.sub(r"[^\w.-]+", "_", entry.name)
    kept = home / f"{entry.file}.sha256"
    digest = entry.digest
    if not digest and kept.is_file():
        digest = kept.read_text(encoding="utf-8", errors="replace")[:64]
    path = download(entry.address, home, digest, progress, entry.file)
    if not digest:
        with write_atomically(kept) as part:
            part.write_text(compute_digest(path), encoding="utf-8")
    return path


def _read(path: Path, kind: str) -> dict[str, Entry]:
    """Return the entries of a kind in a file by their names."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than a list")
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        section = content.get(kind, {})
        if not isinstance(section, Mapping):
            raise ValueError(f'{kind} is no table; begin each judge with [{kind}."its name"]')
        return {name: _read_entry(name, values, kind) for name, values in section.items()}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({shorten(str(error), 200)}); correct it, or remove it") from error


def _read_entry(name: str, values: Any, kind: str) -> Entry:
    if not isinstance(values, Mapping) or not isinstance(values.get("address"), str):
        raise ValueError(f"'{shorten(name)}' has no address; write address = \"https://…\"")
    if unknown := values.keys() - {field.name for field in fields(Entry)}:
        raise ValueError(f"'{shorten(name)}' has the unknown key '{shorten(min(unknown))}'")
    texts = {key: value for key, value in values.items() if key != "megabytes"}
    if not all(isinstance(value, str) and len(value) <= _LONGEST for value in texts.values()) or len(name) > 100:
        raise ValueError(f"'{shorten(name)}' has a value that is no short text")
    megabytes = as_number(values.get("megabytes", 0))
    if megabytes is None or not 0 <= megabytes < 1e6:
        raise ValueError(f"'{shorten(name)}' has {shorten(values['megabytes'])} megabytes; write a number from 0")
    if not re.fullmatch(r"[0-9a-f]{64}|", texts.get("digest", "")):
        raise ValueError(
            f"the digest of '{shorten(name)}' is no SHA-256; write its 64 hexadecimal digits in small type"
        )
    entry = Entry(name, megabytes=megabytes, **texts)
    known = entry.address.startswith(("timm/", "open_clip/", "hf-hub:")) and kind != "preferences"
    if not known and not re.fullmatch(r"[\w+,=@-][\w+.,=@ -]*\.[a-z]+", entry.file):
        raise ValueError(
            f"the address of '{shorten(name)}' is neither https://… with the name of a file, nor, for "
            "classifiers and CLIPs, timm/…, open_clip/… or hf-hub:OWNER/NAME"
        )
    return entry
