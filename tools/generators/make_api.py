"""Write the public API of the nodes into tests/nodes/api.json: make api

A workflow file refers to a node by its id, to an input by its name and to a widget by its position among the widgets of
its node. So a change of this file shows which workflow files would break.

A name with a question mark, such as `"image?"`, is an optional input. Most inputs are described by their type, a combo
by the list of its options, and a DynamicCombo by the inputs of each of its options.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from repository import REPOSITORY
from runner.input_specs import AUTOGROW, DYNAMIC_COMBO, Input, parse_specs
from runner.node_classes import load_pack_without_models

FROZEN = Path("tests/nodes/api.json")

_MAX_OPTIONS = 20  # longer lists of options come from other libraries, and are no part of the API


def describe_pack(nodes: Mapping[str, type[Any]]) -> str:
    """Return the text of the file for node classes by their ids."""
    api = {
        node_id: {
            "inputs": _describe_inputs(parse_specs(node_class.INPUT_TYPES())),
            "outputs": {output.id: output.io_type for output in node_class.GET_SCHEMA().outputs},
        }
        for node_id, node_class in nodes.items()
    }
    return json.dumps(api, indent=2, ensure_ascii=False) + "\n"


def _describe_inputs(inputs: Iterable[Input]) -> dict[str, Any]:
    return {item.own_name + ("" if item.required else "?"): _describe_type(item) for item in inputs}


def _describe_type(item: Input) -> Any:
    """Return the description of an input: its type, or what it lets the user choose from."""
    if item.type == DYNAMIC_COMBO:
        return {option: _describe_inputs(brought) for option, brought in item.inputs_by_option.items()}
    if item.type == AUTOGROW:
        first, last = item.slots[0], item.slots[-1]
        return f"{first.type} at {first.own_name} to {last.own_name}"
    if item.settings.get("files"):
        return "COMBO"  # the options are files on the user's disk, or one option that says that there are none
    if item.options is not None:
        return item.options if 0 < len(item.options) <= _MAX_OPTIONS else "COMBO"
    # For a number with `control_after_generate` the page adds a second widget, which sets how the number changes after
    # a run. This widget has a position too.
    return f"{item.type} and control" if item.settings.get("control_after_generate") else item.type


def main() -> int:
    """Write the file, print its path, and return the exit code."""
    path = REPOSITORY / FROZEN
    path.write_text(describe_pack(load_pack_without_models(REPOSITORY)), encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
