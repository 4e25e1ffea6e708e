"""The English texts of a pack, from the schemas of its nodes, in the form of ComfyUI's own locale files.

For an input inside a DynamicCombo or an Autogrow, the page of ComfyUI 0.8 takes the tooltip from a locale file only.
The page does not translate the options of combos, so they are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from generators.translations import Texts, flatten

NODES = "nodeDefs"
"""The locale file with the names and tooltips of nodes, and the key under which the page knows them."""

CATEGORIES = "main.nodeCategories"
"""The path of the translations of categories: a key in the locale file main.json."""


def collect_english(nodes: Mapping[str, type[Any]], old: Mapping[str, str]) -> Texts:
    """Return all English texts of a pack by path, the first part of which is the name of the locale file.

    Args:
        nodes: node classes by id.
        old: the texts that are in the locale files. What does not come from schemas, such as the texts of a script of
            the page in main.json, is written there by hand and kept.
    """
    generated = {f"{CATEGORIES}.{name}": escape_message(name) for name in collect_categories(nodes)}
    generated |= flatten(collect_node_texts(nodes), f"{NODES}.")
    return generated | {
        path: text for path, text in old.items() if not path.startswith((f"{NODES}.", f"{CATEGORIES}."))
    }


def collect_categories(nodes: Mapping[str, type[Any]]) -> list[str]:
    """Return the names of categories inside the pack's own category. The name of that one is not translated."""
    categories = [node_class.GET_SCHEMA().category.split("/")[1:] for node_class in nodes.values()]
    return sorted({escape_key(part) for parts in categories for part in parts})


def format_json(tree: Any) -> str:
    """Return the text of a JSON file."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def collect_node_texts(nodes: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return the texts of node classes, given by id."""
    return {escape_key(node_id): collect_texts(node_class) for node_id, node_class in nodes.items()}


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


def _collect_input_texts(node_class: type[Any]) -> dict[str, dict[str, str]]:
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
    """Return a text in the message format of the page (vue-i18n), with its special characters escaped.

    Newer pages show tooltips with the escapes in them, so tooltips should not have these characters.
    """
    return re.sub(r"[{}@$|]", lambda found: "{'" + found.group() + "'}", text)
