"""What a page of pictures shows, and how it is saved; the page knows neither of sweeps nor of networks."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from ..common.files import write_atomically
from ..common.text import shorten

# What is known of an item: None is not known; whole numbers of any size, NaN and infinities are allowed.
Value: TypeAlias = bool | float | str | None
_HOME = Path(__file__).parent


@dataclass(frozen=True)
class Picture:
    """A picture of an item. A file is a path relative to the folder of the page, with slashes, or a data: URL."""

    file: str
    caption: str = ""
    thumbnail: str = ""  # a smaller file, for cards and lists, and for when `file` is gone; without it, `file`


@dataclass(frozen=True)
class Entry:
    """An entry of a list."""

    text: str
    value: float | None = None  # shown as a bar, beside those of the other entries
    item: str = ""  # the id of an item to which the entry leads, and whose picture is shown if there is no `file`
    file: str = ""  # a picture


@dataclass(frozen=True)
class Item:
    """A card of the page, and what is shown when it is opened, at the address index.html#/ID."""

    id: str  # not empty, and no other item has it
    title: str
    group: int | None = None  # its number in `groups`
    values: tuple[Value, ...] = ()  # one for each of `columns`
    pictures: tuple[Picture, ...] = ()  # the first is on the card
    lists: tuple[tuple[str, tuple[Entry, ...]], ...] = ()  # titles and entries
    texts: tuple[tuple[str, str], ...] = ()  # titles and texts
    message: str = ""  # why there is no picture, or what went wrong
    failed: bool = False  # whether `message` is an error
    downloads: tuple[tuple[str, str], ...] = ()  # titles, and files that are pictures or JSON


@dataclass(frozen=True)
class Group:
    """A heading and what stands beside it, such as a layer: 'blocks.3' and '80 channels, 14 x 14'."""

    name: str
    text: str = ""


@dataclass(frozen=True)
class Collection:
    """All that a page shows."""

    title: str
    total: int  # how many items there will be; `items` are those that are done
    columns: tuple[str, ...] = ()  # by which the page sorts and filters
    groups: tuple[Group, ...] = ()
    items: tuple[Item, ...] = ()  # in their order; those of a group stand together
    note: str = ""  # a sentence for who reads the page
    noun: str = "items"  # what items are called
    mark: str = ""  # a column of True, False and None that is shown on cards, such as 'recognised'


def save_collection(folder: Path, collection: Collection, embed: bool = False) -> Path:
    """Save a page, and return its path: index.html in `folder`, which needs no server and no network. What it shows is
    in manifest.json, and in manifest.js, which it loads; with `embed`, in index.html alone."""
    seen, width = {""}, len(collection.columns)
    if len(set(collection.columns)) < width:
        raise ValueError(f"columns {shorten(collection.columns)}: two have the same name; give each its own")
    for item in collection.items:
        name = shorten(item.id)
        if item.id in seen:
            raise ValueError(f"the id '{name}' is empty or of two items; give each item its own")
        if item.group is not None and not 0 <= item.group < len(collection.groups):
            raise ValueError(f"item '{name}': there is no group {item.group}; groups are numbered from 0")
        if len(item.values) != width:
            raise ValueError(f"item '{name}' has {len(item.values)} values; give one for each of the {width} columns")
        seen.add(item.id)
    content = json.dumps({"format": 1} | _simplify(collection), ensure_ascii=False, separators=(",", ":"))
    # No </script>, and no half of a surrogate pair.
    content = content.replace("<", "\\u003c").encode("utf-8", "replace").decode()
    style, script = ((_HOME / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    page = Environment(loader=FileSystemLoader(_HOME), autoescape=True).get_template("page.html")
    known = {"title": collection.title, "style": Markup(style), "script": Markup(script), "hashes": hashes}
    files = {
        "manifest.json": content,
        "manifest.js": "collect('{}');\n".format(content.replace("\\", "\\\\").replace("'", "\\'")),
        "index.html": page.render(known, manifest=Markup(content) if embed else None),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["index.html"] if embed else files:
        with write_atomically(folder / name) as part:
            part.write_text(files[name], encoding="utf-8", errors="replace")
    return folder / "index.html"


def _simplify(value: Any) -> Any:
    """Return a value as JSON has it: without defaults, and with numbers that a browser would change as texts."""
    if is_dataclass(value):
        found = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _simplify(one) for field, one in found if one != field.default}
    if isinstance(value, tuple | list):
        return [_simplify(one) for one in value]
    if (isinstance(value, int) and abs(value) > 2**53) or (isinstance(value, float) and not math.isfinite(value)):
        return json.dumps(value)
    return value
