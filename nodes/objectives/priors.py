"""The node Direct Ascent Prior."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.choices import check_choice
from ...das_core.models.judge import Judge
from ...das_core.models.photographs import AT_ONCE
from ...das_core.objectives import priors as core
from ...das_core.objectives.natural import natural_objective
from .. import bridge
from ..node import Node
from ..schema import Classifier, Clip, Objective, list_options, schema, tip

_KINDS = [*list_options(core.PriorKind, "total_variation"), "photographs"]


class Prior(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Prior",
            display_name="Direct Ascent Prior",
            category="Direct Ascent/objectives",
            description="Ask for what pictures are like, whatever they show: like the photographs that a model knows, "
            "smooth, near to the start, with a photograph's balance of coarse and fine, or without burnt colours. Goes "
            "beside other objectives.",
            aliases="regularizer, total variation, tv, smooth, spectrum, natural, photo, photograph, deep inversion",
            inputs=[
                tip(
                    io.Combo.Input("kind", options=_KINDS, default="total_variation"),
                    "total_variation: takes grain away and keeps edges, like a soft brush. l2: keeps the picture near "
                    "to what it started from. spectrum: as much fine detail as a photograph has, neither blur nor "
                    "grain. range: no burnt white, no blocked black. photographs: the light, colours and surfaces of "
                    "those that a model was trained on.",
                ),
                tip(
                    io.Float.Input("weight", default=0.2, min=-100.0, max=100.0, step=0.05),
                    "How hard it pulls, where a model's objective of weight 1 pulls with 1. 0.05: a hint. 0.2: "
                    "visible. 1: as strong as the subject. Below 0: the opposite, such as more grain. For photographs "
                    "0.3 is good: the subject stays what it is. 1 brings things that nobody asked for.",
                ),
                tip(
                    io.MultiType.Input("model", [Classifier, Clip], optional=True),
                    "For photographs alone: the model that is asked for the subject. Without images it needs batch "
                    "norms, which starters and ResNets have and vision transformers do not.",
                ),
                tip(
                    io.Image.Input("images", optional=True),
                    "For photographs alone: at least 4 of your own, better 100, in place of those that the model was "
                    "trained on. Then the model needs no batch norms. Small ones will do: it sees about 224 pixels.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(
        cls, kind: Any, weight: float, model: Judge | None = None, images: Tensor | None = None
    ) -> io.NodeOutput:
        check_choice("prior", kind, _KINDS)
        if kind != "photographs":
            return io.NodeOutput(core.prior(kind, weight))
        if model is None:
            raise ValueError("what photographs are like a model knows: connect the one of the subject to model")
        if images is None:
            return io.NodeOutput(natural_objective(model, weight))
        bridge.load_judges([model], AT_ONCE)
        photographs = bridge.from_comfy_images(images)
        return io.NodeOutput(natural_objective(model, weight, photographs, bridge.find_model_folder(bridge.CLIPS)))
