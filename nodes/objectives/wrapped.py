"""The nodes Region and Schedule, which change where or when another objective acts."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.curves import Curve
from ...das_core.common.masks import check_mask
from ...das_core.objectives.base import Objective as CoreObjective
from ...das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from .. import bridge
from ..node import Node
from ..schema import Objective, list_options, schema


class Region(Node):
    """The node that confines an objective to a part of the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Region",
            display_name="Region",
            category="Direct Ascent/objectives",
            description=(
                "Ask for something in one part of the picture: a castle on the left, a forest on the right. The model "
                "looks where the mask is, and what lies under it moves for this objective; large soft shapes reach a "
                "little over the edge. Each region is looked at by itself, with as many views as Augmentation says."
            ),
            search_aliases=["das", "mask", "area", "regional prompt", "compose"],
            inputs=[
                Objective.Input("objective", tooltip="What is asked for there, of any kind."),
                io.Mask.Input(
                    "mask",
                    tooltip="Where (white), any size: it is resized to cover the picture, centred. Grey counts in "
                    "part. One mask for all images, or one for each. Smaller than 16 x 16 pixels: refused, nothing "
                    "could be seen there.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, objective: CoreObjective, mask: Tensor) -> io.NodeOutput:
        return io.NodeOutput(RegionObjective(objective, check_mask(bridge.from_comfy_mask(mask), "the region")))


class Schedule(Node):
    """The node that changes the weight of an objective over the ascent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Schedule",
            display_name="Schedule",
            category="Direct Ascent/objectives",
            description=(
                "Let an objective count for more or less as the ascent goes on: first the scene, then a detail; first "
                "one subject, then another. Its weight is multiplied by a factor that goes from start to end. It needs "
                "a second objective to count against: alone, its weight changes nothing, and where it is 0 the picture "
                "stays as it is."
            ),
            search_aliases=["das", "fade", "curve", "weight", "prompt schedule"],
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
                    options=list_options(Curve, "linear"),
                    default="linear",
                    tooltip="How it goes there. linear: evenly. cosine: slowly at both ends. step: at once, half-way.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    def execute(cls, objective: CoreObjective, start: float, end: float, curve: Curve) -> io.NodeOutput:
        return io.NodeOutput(ScheduledObjective(objective, start, end, curve))
