"""Write locales/en/nodeDefs.json, the names and tooltips of all nodes, from their schemas: python tools/make_locales.py

ComfyUI's page reads the tooltip of an input inside another one (an option of a DynamicCombo, a slot of an Autogrow)
from this file and from nowhere else. With --check nothing is written, and the exit code is 1 when the file is out of
date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

REPOSITORY = Path(__file__).resolve().parents[1]
LOCALE = Path("locales/en/nodeDefs.json")

Texts: TypeAlias = dict[str, dict[str, str]]


def locale_text(pack: Path = REPOSITORY) -> str:
    """Return what the locale file of a pack has to hold."""
    from node_schemas import pack_nodes  # takes seconds, which --help should not cost

    return as_text(pack_nodes(pack))


def as_text(nodes: Mapping[str, type[Any]]) -> str:
    """Return the locale file of some node classes, given by id."""
    texts = {escaped_key(node_id): node_texts(node_class) for node_id, node_class in nodes.items()}
    return json.dumps(texts, indent=2, ensure_ascii=False) + "\n"


def node_texts(node_class: type[Any]) -> dict[str, Any]:
    """Return the texts of one node, in the form of ComfyUI's own locale files."""
    schema = node_class.GET_SCHEMA()
    outputs = {
        str(number): _named(output.display_name or output.id, output.tooltip)
        for number, output in enumerate(schema.outputs)
    }
    return {
        "display_name": message(schema.display_name),
        "description": message(schema.description),
        "inputs": _input_texts(node_class),
        "outputs": outputs,
    }


def _input_texts(node_class: type[Any]) -> Texts:
    from node_schemas import declared_inputs

    tooltips: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for declared in declared_inputs(node_class):
        key = escaped_key(declared.name)
        names[key] = declared.item.settings.get("display_name") or declared.name.rpartition(".")[2]
        tooltips.setdefault(key, {})[declared.option] = declared.tooltip
    return {key: _named(names[key], _joined(tooltips[key])) for key in names}


def _joined(tooltips: Mapping[str, str]) -> str:
    """Join the tooltips that several options give to inputs of one name: the page has room for one only."""
    if len(set(tooltips.values())) == 1:
        return next(iter(tooltips.values()))
    return "\n".join(f"{option}: {tooltip}" for option, tooltip in tooltips.items())


def _named(name: str, tooltip: str | None) -> dict[str, str]:
    return {"name": message(name)} | ({"tooltip": message(tooltip)} if tooltip else {})


def escaped_key(name: str) -> str:
    """Return a name as the page looks it up: with underscores in place of dots, which would lead into an object."""
    return name.replace(".", "_")


def message(text: str) -> str:
    """Return a text in the message format of the page (vue-i18n), to which some characters mean more."""
    return re.sub(r"[{}@$|]", lambda found: "{'" + found.group() + "'}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_locales", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the file is out of date")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    path = given.pack / LOCALE
    text = locale_text(given.pack)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if given.check:
        print(f"{LOCALE} is out of date: run python tools/make_locales.py", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
