"""The node Feature Objective."""

from typing import Any, get_args

from comfy_api.latest import io

from ...das_core.models.judge import Judge
from ...das_core.models.layers.layer import UnknownLayerError
from ...das_core.objectives import feature as core
from .. import bridge
from ..node import Node
from ..schema import Objective, add_advice, make_options, model_input, read_choice, schema, tip, weight_input

_MAX_CHANNEL = 2**20


class FeatureObjective(Node):
    """The node that asks for a picture to which a part of a layer, such as a channel, reacts strongly."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_FeatureObjective",
            display_name="Feature Objective",
            category="Direct Ascent/objectives",
            description="Ask for what a part of a model reacts to, to see what it has learned to see.\n\n"
            "• layer: more of whatever a layer sees already. From a photograph this is deep dream.\n"
            "• channel: what one feature is about, everywhere in the picture.\n"
            "• neuron: the same in one place, or in one token of a transformer.\n"
            "• direction: several channels at once, with signed shares.\n"
            "• head: what one attention head of a transformer lets through.",
            aliases="deep dream, lucid, feature visualization, neuron, interpretability, activation maximization",
            inputs=[
                model_input(),
                tip(
                    io.String.Input("layer", default="blocks.3"),
                    "The layer to ask, by the model's own name for it. Early layers see edges and colours, middle "
                    "ones textures and parts, late ones things. List Layers shows all names. The default fits models "
                    "with timm-style names.",
                ),
                io.DynamicCombo.Input(
                    "kind",
                    options=make_options(
                        get_args(core.Kind),
                        channel=[
                            tip(
                                io.Int.Input("channel", default=0, min=0, max=_MAX_CHANNEL),
                                "Which feature of the layer, counted from 0. Their order means nothing: low ones are "
                                "no simpler than high ones.",
                            )
                        ],
                        neuron=[
                            tip(
                                io.Int.Input("channel", default=0, min=0, max=_MAX_CHANNEL),
                                "Which feature, counted from 0, in the one place below.",
                            ),
                            tip(
                                io.String.Input("position", default=""),
                                "Where: row and column, such as '3, 5', or a token, such as '0' (mostly the class "
                                "token). Small numbers lie top left. Empty: the middle.",
                            ),
                        ],
                        direction=[
                            tip(
                                io.String.Input("direction", default="0: 1\n1: -0.5", multiline=True),
                                "A channel a line, with ': share' if you like; below 0 keeps it away. Only the "
                                "proportions count.",
                            )
                        ],
                        head=[
                            tip(
                                io.Int.Input("head", default=0, min=0, max=1023),
                                "Which attention head, counted from 0. The layer is then an attention module, such as "
                                "blocks.3.attn.",
                            )
                        ],
                    ),
                    tooltip="Which part of the layer. layer dreams; channel is the one to see what a model knows.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, model: Judge, layer: str, weight: float, kind: dict[str, Any] | None = None) -> io.NodeOutput:
        part, settings = read_choice("kind", kind, get_args(core.Kind))
        # 2: to find the layer, `from_layer` shows the model two views.
        bridge.load_judges([model], 2)
        with add_advice(UnknownLayerError, ". List Layers shows all"):
            objective = core.feature_objective(
                model,
                layer,
                part,  # type: ignore[arg-type]
                # The index of the channel or of the head. The kinds `layer` and `direction` ignore the 0.
                settings.get("channel", settings.get("head", 0)),
                core.parse_position(settings.get("position", "")),
                core.parse_direction(settings.get("direction", "")),
                weight,
            )
        return io.NodeOutput(objective)
