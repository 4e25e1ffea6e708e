"""The node Pick ImageNet Class."""

from comfy_api.latest import io

from ...das_core.models.labels import imagenet_labels
from ..node import Node
from ..schema import schema, tip

_DEFAULT = "jellyfish"


class PickClass(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        labels = imagenet_labels()
        return schema(
            node_id="DAS_PickClass",
            display_name="Pick ImageNet Class",
            category="Direct Ascent/objectives",
            description="All 1,000 classes that ImageNet's classifiers know, in one list that filters as you type. "
            "Connect it to classes of Class Objective. Two that share a name, such as the crane that "
            "flies and the one that lifts, have their index before it.",
            aliases="imagenet, class, label, category, choose",
            inputs=[
                tip(
                    io.Combo.Input(
                        "name",
                        options=sorted(map(labels.unique_name, range(len(labels))), key=_sort_key),
                        default=_DEFAULT,
                    ),
                    "The class. Click and type a part of its name: 'shark' leaves the great white shark and the tiger "
                    "shark. Every class has one entry, under its usual name.",
                )
            ],
            outputs=[
                io.String.Output("class_name", tooltip="The name as text, for classes of Class Objective."),
                io.Int.Output("index", tooltip="The index of the class among the 1,000, 0 to 999."),
            ],
        )

    @classmethod
    def validate_inputs(cls, name: str | None = None) -> bool | str:
        """Return True, or a message if `name` does not name one class: ComfyUI's would list all 1,000 classes."""
        if name is not None:
            try:
                imagenet_labels().find(str(name))
            except ValueError as error:
                return str(error)
        return True

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        # A link may bring any text. A text that names exactly one class is accepted.
        index = imagenet_labels().find(str(name))
        return io.NodeOutput(imagenet_labels().unique_name(index), index)


def _sort_key(name: str) -> str:
    """Return the key by which the list of classes is sorted: the name without the index that precedes some names."""
    return name.lstrip("0123456789 ").casefold()
