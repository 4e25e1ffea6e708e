"""The node Ensemble."""

from collections.abc import Mapping

from comfy_api.latest import io

from ...das_core.objectives.change import share_views
from ...das_core.objectives.term import Objective as CoreObjective
from ..node import Node
from ..schema import Objective, list_connected, schema, tip

_MAX_OBJECTIVES = 32


class Ensemble(Node):
    """The node that divides the views among several objectives."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Ensemble",
            display_name="Ensemble",
            category="Direct Ascent/objectives",
            description="Ask several models for the same picture at about the time of one: each sees a part of the "
            "views. What convinces models that were trained apart is a better picture than what convinces "
            "one. Connect an objective for each model: the same classes in Class Objectives, or the same "
            "words in Text Objectives. Connected to Optimize one by one, each would see all views, and "
            "take its own time.",
            aliases="several models, combine, share views, vote",
            inputs=[
                io.Autogrow.Input(
                    "objectives",
                    template=io.Autogrow.TemplatePrefix(
                        tip(
                            Objective.Input("objective"),
                            "An objective for one of the models. Connect one and another slot appears.",
                        ),
                        prefix="objective",
                        min=2,
                        max=_MAX_OBJECTIVES,
                    ),
                    tooltip="Two or more objectives, each for a model. Together they count as one.",
                )
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    def execute(cls, objectives: Mapping[str, CoreObjective] | None = None) -> io.NodeOutput:
        return io.NodeOutput(share_views(*list_connected(objectives)))
