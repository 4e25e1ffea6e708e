"""Asking for something in one place."""

from comfy_api.latest import io
from torch import Tensor

from ..das_core.masks import check_mask
from ..das_core.objectives.base import Objective as CoreObjective
from ..das_core.objectives.region import RegionObjective
from . import bridge
from .schema import Objective, schema


class Region(io.ComfyNode):
    """An objective that acts in a part of the picture only."""

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
            search_aliases=["das", "direct ascent", "mask", "area", "regional prompt", "compose"],
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
    @bridge.with_autograd
    def execute(cls, objective: CoreObjective, mask: Tensor) -> io.NodeOutput:
        return io.NodeOutput(RegionObjective(objective, check_mask(bridge.mask_in(mask), "the region")))
