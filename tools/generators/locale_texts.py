"""The English texts of a pack, from the schemas of its nodes, in the form of ComfyUI's own locale files.

The page of ComfyUI 0.8 reads the tooltip of an input inside a DynamicCombo or an Autogrow only from a locale file, even
in English. The page does not translate the options of combos, so these are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from generators.translations import Texts, flatten

NODES = "nodeDefs"  # The name of the locale file with the names and tooltips of nodes. The page uses it as a key too.
# The path of the translations of categories: the key `nodeCategories` in the locale file main.json
CATEGORIES = "main.nodeCategories"


def collect_english(nodes: Mapping[str, type[Any]], old: Mapping[str, str]) -> Texts:
    """Return all English texts by path; texts that are in `old` and not of schemas, written by hand, are kept."""
    generated = {f"{CATEGORIES}.{name}": escape_message(name) for name in collect_categories(nodes)}
    generated |= flatten(collect_node_texts(nodes), f"{NODES}.")
    return generated | {
        path: text for path, text in old.items() if not path.startswith((f"{NODES}.", f"{CATEGORIES}."))
    }


def collect_categories(nodes: Mapping[str, type[Any]]) -> list[str]:
    """Return the names of the subcategories of the pack's category, sorted, as keys of a locale file."""
    categories = [node_class.GET_SCHEMA().category.split("/")[1:] for node_class in nodes.values()]
    return sorted({escape_key(part) for parts in categories for part in parts})


def format_json(tree: Any) -> str:
    """Return the text of a JSON file with the content `tree`."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def collect_node_texts(nodes: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return the names, descriptions and tooltips of nodes by node id, in the form of ComfyUI's own locale files."""
    return {escape_key(node_id): collect_texts(node_class) for node_id, node_class in nodes.items()}


def collect_texts(node_class: type[Any]) -> dict[str, Any]:
    """Return the names, the description and the tooltips of a node, in the form of ComfyUI's own locale files."""
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
    """Return one tooltip for all inputs of a node that have the same name: the page has one per name."""
    if len(set(tooltips.values())) == 1:
        return next(iter(tooltips.values()))
    return "\n".join(f"{option}: {tooltip}" for option, tooltip in tooltips.items())


def _make_entry(name: str, tooltip: str | None) -> dict[str, str]:
    return {"name": escape_message(name)} | ({"tooltip": escape_message(tooltip)} if tooltip else {})


def escape_key(name: str) -> str:
    """Return the key under which the page looks up a name: with underscores for dots, because dots separate keys."""
    return name.replace(".", "_")


def escape_message(text: str) -> str:
    """Return a text with the special characters of vue-i18n escaped; newer pages show the escapes in tooltips."""
    return re.sub(r"[{}@$|]", lambda found: "{'" + found.group() + "'}", text)
