"""Where inputs of versions before 1.0 are now: their workflows and API prompts go on working.

What only some users set moved under one choice of its node: `steps` of Optimize is `recipe.steps`, which `recipe`
custom brings. The table is `web/moved_inputs.json`, by which the page changes workflow files (`web/older_files.js`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

OPTION = "custom"
"""The option of the choice that brings what moved."""


class Moved(TypedDict):
    """What moved in a node.

    Attributes:
        choice: the DynamicCombo that brings it.
        moved: the names before, without those inside them.
        later: those of them that came after version 0.1.0, with the values that change nothing, for files and prompts
            that lack them.
    """

    choice: str
    moved: list[str]
    later: dict[str, Any]


MOVED: dict[str, Moved] = json.loads(
    (Path(__file__).parent.parent / "web" / "moved_inputs.json").read_text(encoding="utf-8")
)
"""By node, what moved in it."""


def move_inputs(class_type: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a node of a prompt under the names of today; those of today stay.

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
    """Yield the later inputs that a node lacks, with the values that change nothing.

    One inside another input, such as `focus.emphasis`, is lacking only where that is set to something.
    """
    for name, value in table["later"].items():
        outer, _, inner = name.partition(".")
        if name not in inputs and (not inner or inputs.get(outer) not in (None, table["later"].get(outer))):
            yield name, value


def migrate_prompt(prompt: Any) -> Any:
    """Return a prompt in API format with the inputs of all nodes under the names of today.

    Args:
        prompt: whatever was sent as one: what has not the form of a node stays as it is, for ComfyUI to refuse.
    """
    if not isinstance(prompt, dict):
        return prompt
    return {node_id: _migrate_node(node) for node_id, node in prompt.items()}


def _migrate_node(node: Any) -> Any:
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return node
    class_type = node.get("class_type")
    return node | {"inputs": move_inputs(class_type, node["inputs"])} if isinstance(class_type, str) else node
