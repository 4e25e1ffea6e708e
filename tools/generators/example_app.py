"""Example workflows in ComfyUI's App mode, which shows some inputs and the saved images as a form, without the graph.

The page of ComfyUI 0.33.0 reads the inputs and outputs of this form from `extra.linearData` of a workflow file, but
opens the workflow as a graph; a switch above the graph changes to App mode. The page of ComfyUI 0.8.0 ignores
`extra.linearData`.
"""

from collections.abc import Mapping
from typing import Any

from generators.prompt_widgets import find_widgets

FORMS: Mapping[str, Mapping[str, str]] = {
    "class_to_image": {"DAS_ClassObjective.classes": "What to make: one class or several"},
    "text_to_image": {"DAS_TextObjective.text": "What to make, in words"},
    "inpaint": {
        "LoadImage.image": "",
        "DAS_ClassObjective.classes": "What to put there: a class",
    },
    "style_transfer": {"LoadImage.image": ""},
}
"""For each example workflow with a form, by name: the inputs of the form as CLASS.INPUT, each with a line of text that
explains the input. If this line is "", the form shows the title of the node in its place."""


def make_app(prompt: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entries of `extra` in a workflow file that describe the form of an example workflow in App mode.

    A form shows some inputs and the saved images, without the graph. `FORMS` has the inputs of each form, by the name
    of the example workflow. If the workflow has no form, the result is empty.

    Args:
        prompt: the example workflow in API format; every node id is a whole number, written as a text.
        name: the name of the example workflow, without ".json".

    Raises:
        ValueError: the workflow lacks an input of its form, or saves no image.
    """
    if name not in FORMS:
        return {}
    inputs = []
    for where, explanation in FORMS[name].items():
        places = find_widgets(prompt, where)
        if not places:
            raise ValueError(f"{name}: its App asks for {where}, and no node has that widget: change FORMS")
        inputs += [
            [int(node), widget, {"description": explanation or prompt[node]["_meta"]["title"]}]
            for node, widget in places
        ]
    outputs = [int(node) for node, content in prompt.items() if content["class_type"] == "SaveImage"]
    if not outputs:
        raise ValueError(f"{name}: an App shows what a SaveImage node saves, and this example has none")
    return {"linearData": {"inputs": inputs, "outputs": outputs}}
