"""Renames inputs in prompts that were made for versions before 1.0, so that these prompts still run.

Inputs that few users set have moved into a DynamicCombo of their node. There they appear when its option `custom` is
chosen. For example, `steps` of Optimize is now `recipe.steps`. `web/moved_inputs.json` lists the moved inputs.
ComfyUI's page uses the same list when it opens workflow files (`web/older_files.js`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

OPTION = "custom"
"""The option of the DynamicCombo under which the moved inputs appear."""


class Moved(TypedDict):
    """The inputs of one node that have moved.

    Attributes:
        choice: the DynamicCombo that they have moved into.
        moved: their former names. If an input contains others, as `focus` contains `focus.emphasis`, only the outer
            name is listed.
        later: those moved inputs that were added after version 0.1.0, each with the value at which it has no effect. An
            older file that lacks one of them gets this value. An older prompt gets it too, with one exception: an input
            inside another one, such as `focus.emphasis`, is left out unless the outer input, here `focus`, is given
            with a value that has an effect.
    """

    choice: str
    moved: list[str]
    later: dict[str, Any]


MOVED: dict[str, Moved] = json.loads(
    (Path(__file__).parent.parent / "web" / "moved_inputs.json").read_text(encoding="utf-8")
)
"""The moved inputs, by the id of their node."""


def move_inputs(class_type: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of one node of a prompt, with their current names.

    Inputs with former names are now inside a DynamicCombo. If there are such inputs, they are renamed, and the
    DynamicCombo is set to `custom`. Inputs of the DynamicCombo that were added after version 0.1.0 and are missing get
    values at which they have no effect. But an input inside another one, such as `focus.emphasis`, is left out unless
    the outer input (`focus`) is given with a value that has an effect.

    If there are no inputs with former names, or the DynamicCombo is already among the inputs, all inputs are returned
    unchanged.

    Args:
        class_type: the id of the class of the node.
        inputs: the values of widgets and the links, by the names of the inputs.

    Example:
        >>> move_inputs("DAS_Optimize", {"seed": 3, "steps": 20, "focus": "everywhere"})
        {'recipe': 'custom', 'seed': 3, 'recipe.steps': 20, 'recipe.focus': 'everywhere', 'recipe.denoise': 'off'}
    """
    table = MOVED.get(class_type)
    older = [name for name in inputs if table and name.partition(".")[0] in table["moved"]]
    if not table or not older or table["choice"] in inputs:
        return dict(inputs)
    choice = table["choice"]
    renamed = {f"{choice}.{name}" if name in older else name: value for name, value in inputs.items()}
    return {choice: OPTION} | renamed | {f"{choice}.{name}": value for name, value in _find_lacking(table, inputs)}


def _find_lacking(table: Moved, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the inputs added after version 0.1.0 that a node lacks, each with the value at which it has no effect.

    An input inside another one is yielded only if the outer input is given with a value that has an effect. For
    example, `focus.emphasis` is not yielded if `focus` is missing or "everywhere", which switches the focus off. The
    names are the former ones.

    Args:
        table: the entry of the node's class in `MOVED`; its key `later` has the inputs added after version 0.1.0.
        inputs: the inputs that the node has, by their former names.
    """
    for name, value in table["later"].items():
        outer, _, inner = name.partition(".")
        if name not in inputs and (not inner or inputs.get(outer) not in (None, table["later"].get(outer))):
            yield name, value


def migrate_prompt(prompt: Any) -> Any:
    """Return a prompt in API format, with the current names of the inputs of all nodes.

    Args:
        prompt: what a client sent as a prompt, unchecked. Parts that do not look like nodes are left unchanged;
            ComfyUI refuses them later.
    """
    if not isinstance(prompt, dict):
        return prompt
    return {node_id: _migrate_node(node) for node_id, node in prompt.items()}


def _migrate_node(node: Any) -> Any:
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return node
    class_type = node.get("class_type")
    return node | {"inputs": move_inputs(class_type, node["inputs"])} if isinstance(class_type, str) else node
