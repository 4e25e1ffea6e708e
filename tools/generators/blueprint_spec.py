"""The blueprints of the pack: subgraph nodes that contain nodes of an example workflow and show a few widgets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_WIDGETS = 5
"""The maximum number of widgets on a subgraph node. A double click opens the subgraph, which has all other settings."""

STEPS_AND_SEED = {"steps": "DAS_Optimize.recipe.steps", "seed": "DAS_Optimize.seed"}
WIDTH_AND_HEIGHT = {"width": "DAS_ImageStack.width", "height": "DAS_ImageStack.height"}


@dataclass(frozen=True)
class Blueprint:
    """A subgraph node that contains those nodes of an example workflow that `cut_out` selects.

    Attributes:
        name: the name that the node search finds. It is also the title of the node and the name of its file.
        example: the name of the example workflow that these nodes and their settings come from.
        widgets: by the label of each widget, the class of the node and the input that the widget sets, as
            "CLASS.INPUT". Only the first `MAX_WIDGETS` that have an effect (`is_in_use`) are shown on the node.
        sockets: by the class of a node and its input, as "CLASS.INPUT", the label of the socket that leads to this
            input. A socket that is not listed has the name of its input as label.
        description: a text for the node search about what the blueprint makes.
    """

    name: str
    example: str
    widgets: Mapping[str, str]
    sockets: Mapping[str, str]
    description: str


BLUEPRINTS = (
    Blueprint(
        "Class to Image",
        "class_to_image",
        {"class": "DAS_ClassObjective.classes", "seed": "DAS_Optimize.seed"},
        {},
        "A picture of one of the thousand classes of ImageNet, made by a classifier alone: no diffusion.",
    ),
    Blueprint(
        "Text to Image",
        "text_to_image",
        {"text": "DAS_TextObjective.text", "seed": "DAS_Optimize.seed"},
        {},
        "A picture of a prompt, made by a CLIP alone: no diffusion.",
    ),
    Blueprint(
        "Deep Dream",
        "deep_dream",
        {"layer": "DAS_FeatureObjective.layer", **STEPS_AND_SEED, **WIDTH_AND_HEIGHT},
        {},
        "An image with more of what a layer of a classifier sees in it.",
    ),
    Blueprint(
        "Inpaint",
        "inpaint",
        {
            "class": "DAS_ClassObjective.classes",
            **STEPS_AND_SEED,
            **WIDTH_AND_HEIGHT,
            "feather": "DAS_ImageStack.details.feather",
            "keep": "DAS_Optimize.recipe.denoise.keep",
        },
        {},
        "A class that a classifier knows, put into the white part of a mask; the rest of the image stays.",
    ),
    Blueprint(
        "Style Transfer",
        "style_transfer",
        {
            "style weight": "DAS_StyleObjective.weight",
            # The label must be the name of the widget, see `_find_named` in blueprint_file.py.
            "recipe.steps": "DAS_Optimize.recipe.steps",
            "seed": "DAS_Optimize.seed",
            **WIDTH_AND_HEIGHT,
            "content weight": "DAS_ContentObjective.weight",
        },
        {"DAS_StyleObjective.image": "style"},
        "An image in the style of another, made by a classifier.",
    ),
)


def is_in_use(prompt: Mapping[str, Any], where: str) -> bool:
    """Return whether a widget has an effect.

    The widgets of width and height have no effect if the picture gets the size of an image.

    Args:
        prompt: the workflow in API format.
        where: the class and the input that the widget sets, as "CLASS.INPUT".
    """
    class_type, _, name = where.partition(".")
    sizes = {node["inputs"].get("details.size") for node in prompt.values() if node["class_type"] == class_type}
    return name not in WIDTH_AND_HEIGHT or sizes != {"image"}
