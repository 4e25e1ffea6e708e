"""The node Direct Ascent Keyframes."""

from comfy_api.latest import io

from ...das_core.common.curves import Curve
from ...das_core.common.keyframes import parse_keyframes
from ...das_core.models.classifier import Classifier
from ...das_core.models.clip import CLIP
from ...das_core.models.labels import UnknownClassError
from ...das_core.objectives.change import over_keyframes
from ...das_core.objectives.classes import classes
from ...das_core.objectives.embedding import parse_prompts, text
from .. import bridge
from ..node import Node
from ..schema import Objective, add_advice, list_options, model_input, schema, tip, weight_input
from .classes import advise_list
from .embedding import warn_of_unread


class Keyframes(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Keyframes",
            display_name="Direct Ascent Keyframes",
            category="Direct Ascent/objectives",
            description="Say what a film shows at which frame: '0: a castle / 24: a volcano'. Between two keyframes "
            "one goes over into the other. Words for a CLIP, classes for a classifier. Film Stack says "
            "how many frames there are. For a zoom of Zoom Stack the numbers are those of its depths.",
            aliases="prompt schedule, prompt travel, morph, zoom, animation",
            advanced=["curve", "weight"],
            inputs=[
                model_input(),
                tip(
                    io.String.Input("keyframes", default="0: castle\n12: volcano", multiline=True),
                    "The number of a frame, from 0, a colon, and what is asked for there: words, or a class of a "
                    "classifier. For a zoom the number of a depth, 0 for the outermost. Each in a line, or with ' / ' "
                    "between them; prompt schedules with quotes work too. More lines below one blend, with ': weight' "
                    "as in Text Objective.",
                ),
                tip(
                    io.Combo.Input("curve", options=list_options(Curve, "cosine"), default="cosine"),
                    "How one goes over into the next. cosine: each stays a while. linear: evenly. step: at once, "
                    "half-way.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, model: Classifier | CLIP, keyframes: str, curve: Curve, weight: float) -> io.NodeOutput:
        wishes = parse_keyframes(keyframes)
        if isinstance(model, CLIP):
            prompts = [prompt for wish in wishes.values() for prompt in parse_prompts(wish)]
            with bridge.Wait("reading the prompts"):
                bridge.load_text_tower(model, prompts)
                objective = over_keyframes(wishes, lambda prompt: text(prompt, "cosine").on(model), curve)
            # After the `with` block, because a text of `Wait` would replace the warning on the node.
            warn_of_unread(model, prompts, cls.hidden.unique_id)
        else:
            # With the log-probability a frame keeps parts of the classes of other keyframes. With the logit the next
            # class takes over within a frame or two (docs/method.md, Films).
            with add_advice(UnknownClassError, advise_list(model)):
                objective = over_keyframes(wishes, lambda names: classes(names, "share").on(model), curve)
        return io.NodeOutput(weight * objective)
