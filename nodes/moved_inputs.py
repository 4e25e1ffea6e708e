"""Renames inputs in workflows and API prompts of versions before 1.0, so that these still run.

Inputs that few users set have moved into a DynamicCombo of their node, where they appear once its option `custom` is
chosen: `steps` of Optimize is now `recipe.steps`. `web/moved_inputs.json` lists them. ComfyUI's page uses the same list
for workflow files (`web/older_files.js`).
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
        moved: their former names; of an input that contains others, such as `focus`, only the outer name.
        later: those inputs that were added after version 0.1.0, each with the value that has no effect. Older files
            and prompts lack these inputs and get that value.
    """

    choice: str
    moved: list[str]
    later: dict[str, Any]


MOVED: dict[str, Moved] = json.loads(
    (Path(__file__).parent.parent / "web" / "moved_inputs.json").read_text(encoding="utf-8")
)
"""The moved inputs, by the id of their node."""


def move_inputs(class_type: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a node of a prompt under their current names.

    Args:
        class_type: the id of the node.
        inputs: widgets and links by name.

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
    """Yield the `later` inputs that a node lacks, with the values that have no effect.

    An input inside another one, such as `focus.emphasis`, is lacking only if the outer one, `focus`, has a value.
    """
    for name, value in table["later"].items():
        outer, _, inner = name.partition(".")
        if name not in inputs and (not inner or inputs.get(outer) not in (None, table["later"].get(outer))):
            yield name, value


def migrate_prompt(prompt: Any) -> Any:
    """Return a prompt in API format with the inputs of all nodes under their current names.

    Args:
        prompt: what a client sent as a prompt, unchecked. Whatever does not look like a node is left unchanged, and
            ComfyUI refuses it later.
    """
    if not isinstance(prompt, dict):
        return prompt
    return {node_id: _migrate_node(node) for node_id, node in prompt.items()}


def _migrate_node(node: Any) -> Any:
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return node
    class_type = node.get("class_type")
    return node | {"inputs": move_inputs(class_type, node["inputs"])} if isinstance(class_type, str) else node
