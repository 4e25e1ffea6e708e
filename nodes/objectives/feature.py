"""The node Feature Objective."""

from typing import Any, get_args

from comfy_api.latest import io

from ...das_core.models.judge import Judge
from ...das_core.models.layers.layer import UnknownLayerError
from ...das_core.models.sources.dictionaries import load_dictionary
from ...das_core.objectives import feature as core
from ...das_core.objectives.latent import latent
from .. import bridge
from ..models.checkpoint import checkpoint_input, find_checkpoint, read_checkpoint_time
from ..node import Node
from ..schema import Objective, add_advice, make_options, model_input, read_choice, schema, tip, weight_input

_MAX_CHANNEL = 2**20
_LATENT = "latent"
_KINDS = (*get_args(core.Kind), _LATENT)


class FeatureObjective(Node):
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
            "• head: what one attention head of a transformer lets through.\n"
            "• latent: a feature of a sparse autoencoder, a probe or a vector, from a file in models/features.",
            aliases="deep dream, deepdream, lucid, feature visualization, neuron, interpretability, "
            "activation maximization, sae, sparse autoencoder, transcoder, probe",
            advanced=["weight"],
            inputs=[
                model_input(),
                tip(
                    io.String.Input("layer", default="blocks.3"),
                    "The layer to ask, by the model's own name for it. Early layers see edges and colours, middle "
                    "ones textures and parts, late ones things. List Model Layers shows all names. The default fits "
                    "models with timm-style names.",
                ),
                io.DynamicCombo.Input(
                    "kind",
                    options=make_options(
                        _KINDS,
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
                        latent=[
                            checkpoint_input(bridge.FEATURES),
                            tip(
                                io.String.Input("latents", default="0", multiline=True),
                                "The number of a latent a line, with ': share' if you like; below 0 keeps it away. Of "
                                "vectors in a file, the number of the row.",
                            ),
                            tip(
                                io.String.Input("position", default=""),
                                "Where: row and column, such as '3, 5', or a token, such as '0' (mostly the class "
                                "token). Empty: everywhere.",
                            ),
                        ],
                    ),
                    tooltip="Which part of the layer. layer dreams; channel is the one to see what a model knows.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def fingerprint_inputs(cls, kind: dict[str, Any] | None = None, **_: Any) -> Any:
        """Return a number that changes with the chosen file, so that ComfyUI reads a changed file again."""
        return read_checkpoint_time(bridge.FEATURES, kind)

    @classmethod
    def execute(cls, model: Judge, layer: str, weight: float, kind: dict[str, Any] | None = None) -> io.NodeOutput:
        part, settings = read_choice("kind", kind, _KINDS)
        # 2: to find the layer, `find_layers` shows the model two views.
        bridge.load_judges([model], 2)
        position = core.parse_position(settings.get("position", ""))
        with add_advice(UnknownLayerError, ". List Model Layers shows all"):
            if part == _LATENT:
                path = find_checkpoint(bridge.FEATURES, settings.get("checkpoint"))
                with bridge.Wait(f"reading {path.name}"):
                    latents = dict(core.parse_direction(settings.get("latents", ""), "latent"))
                    objective = weight * latent(layer, load_dictionary(path), latents, position).on(model)
                return io.NodeOutput(objective)
            objective = core.feature(
                layer,
                part,  # type: ignore[arg-type]
                # The index of the channel or of the head. The kinds `layer` and `direction` ignore the 0.
                settings.get("channel", settings.get("head", 0)),
                position,
                core.parse_direction(settings.get("direction", "")),
            )
            return io.NodeOutput(weight * objective.on(model))
