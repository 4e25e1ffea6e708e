"""Write locales/en/nodeDefs.json, the names and tooltips of all nodes, from their schemas: make locales [ARGS=--check]

For an input inside a DynamicCombo or an Autogrow, ComfyUI's page takes the tooltip from this file only. With --check
nothing is written, and the exit code is 1 if the file is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from repository import REPOSITORY

LOCALE = Path("locales/en/nodeDefs.json")

Texts: TypeAlias = dict[str, dict[str, str]]


def format_locale(nodes: Mapping[str, type[Any]]) -> str:
    """Return the content of the locale file for node classes, given by id."""
    texts = {escape_key(node_id): collect_texts(node_class) for node_id, node_class in nodes.items()}
    return json.dumps(texts, indent=2, ensure_ascii=False) + "\n"


def collect_texts(node_class: type[Any]) -> dict[str, Any]:
    """Return the names and tooltips of one node, in the form of ComfyUI's own locale files."""
    schema = node_class.GET_SCHEMA()
    outputs = {
        str(number): _make_entry(output.display_name or output.id, output.tooltip)
        for number, output in enumerate(schema.outputs)
    }
    return {
        "display_name": escape_message(schema.display_name),
        "description": escape_message(schema.description),
        "inputs": _collect_input_texts(node_class),
        "outputs": outputs,
    }


def _collect_input_texts(node_class: type[Any]) -> Texts:
    from runner.input_specs import list_declared_inputs

    tooltips: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for item in list_declared_inputs(node_class):
        key = escape_key(item.name)
        names[key] = item.settings.get("display_name") or item.own_name
        tooltips.setdefault(key, {})[item.option] = item.tooltip
    return {key: _make_entry(names[key], _join_tooltips(tooltips[key])) for key in names}


def _join_tooltips(tooltips: Mapping[str, str]) -> str:
    """Join the tooltips, by option, of inputs that share a name: the page has one tooltip per name."""
    if len(set(tooltips.values())) == 1:
        return next(iter(tooltips.values()))
    return "\n".join(f"{option}: {tooltip}" for option, tooltip in tooltips.items())


def _make_entry(name: str, tooltip: str | None) -> dict[str, str]:
    return {"name": escape_message(name)} | ({"tooltip": escape_message(tooltip)} if tooltip else {})


def escape_key(name: str) -> str:
    """Return the key under which the page looks a name up: underscores replace dots, which would separate keys."""
    return name.replace(".", "_")


def escape_message(text: str) -> str:
    """Return a text in the message format of the page (vue-i18n), with its special characters escaped."""
    return re.sub(r"[{}@$|]", lambda found: "{'" + found.group() + "'}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="make_locales", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the file is out of date")
    parser.add_argument("--pack", type=Path, default=REPOSITORY, metavar="FOLDER", help="the node pack")
    given = parser.parse_args(arguments)
    path = given.pack / LOCALE
    from runner.node_classes import load_pack_without_models  # imports PyTorch, which --help does not need

    text = format_locale(load_pack_without_models(given.pack))
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if given.check:
        print(f"{LOCALE} is out of date: run make locales", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
