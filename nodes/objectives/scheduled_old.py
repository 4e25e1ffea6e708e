"""Asking for more or less as the ascent goes on."""

from typing import get_args

from comfy_api.latest import io

from ..das_core.objectives.base import Objective as CoreObjective
from ..das_core.objectives.scheduled import ScheduledObjective
from ..das_core.schedule import Curve
from .schema import Objective, schema


class Schedule(io.ComfyNode):
    """An objective whose weight changes over the ascent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Schedule",
            display_name="Schedule",
            category="Direct Ascent/objectives",
            description=(
                "Let an objective count for more or less as the ascent goes on: first the scene, then a detail; first "
                "one subject, then another. Its weight is multiplied by a factor that goes from start to end. Needs a "
                "second objective to count against: with a single one only the sign matters."
            ),
            search_aliases=["das", "direct ascent", "fade", "curve", "weight", "prompt schedule"],
            inputs=[
                Objective.Input("objective", tooltip="The objective whose weight is to change, of any kind."),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=-100.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Factor of its weight at the first step. 0: not asked for yet. 1: as it is. Below 0: "
                    "climbed away from.",
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    min=-100.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Factor at the last step. 0: no longer asked for. 1: as it is. 2: twice as much.",
                ),
                io.Combo.Input(
                    "curve",
                    options=list(get_args(Curve)),
                    default="linear",
                    tooltip="How it goes there. linear: evenly. cosine: slowly at both ends. step: at once, half-way.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    def execute(cls, objective: CoreObjective, start: float, end: float, curve: Curve) -> io.NodeOutput:
        return io.NodeOutput(ScheduledObjective(objective, start, end, curve))
