"""The node Direct Ascent Prior."""

from typing import Any

from comfy_api.latest import io

from ...das_core.objectives import priors as core
from ..node import Node
from ..schema import Objective, list_options, schema, tip

_KINDS = list_options(core.PriorKind, "total_variation")


class Prior(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Prior",
            display_name="Direct Ascent Prior",
            category="Direct Ascent/objectives",
            description="Ask for what pictures are like, whatever they show: "
            "smooth, near to the start, with a photograph's balance of coarse and fine, or without burnt colours. Goes "
            "beside other objectives.",
            aliases="regularizer, total variation, tv, smooth, spectrum",
            inputs=[
                tip(
                    io.Combo.Input("kind", options=_KINDS, default="total_variation"),
                    "total_variation: takes grain away and keeps edges, like a soft brush. l2: keeps the picture near "
                    "to what it started from. spectrum: as much fine detail as a photograph has, neither blur nor "
                    "grain. range: no burnt white, no blocked black.",
                ),
                tip(
                    io.Float.Input("weight", default=0.2, min=-100.0, max=100.0, step=0.05),
                    "How hard it pulls, where a model's objective of weight 1 pulls with 1. 0.05: a hint. 0.2: "
                    "visible. 1: as strong as the subject. Below 0: the opposite, such as more grain.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, kind: Any, weight: float) -> io.NodeOutput:
        return io.NodeOutput(core.prior(kind, weight))
