"""The nodes Text Objective and Image Objective."""

from collections.abc import Sequence

from comfy_api.latest import io
from torch import Tensor

from ...das_core.models.clip import CLIP
from ...das_core.objectives import embedding as core
from ...das_core.objectives.embedding import ImageSimilarity, TextSimilarity
from .. import bridge
from ..node import Node
from ..schema import Clip, Objective, list_options, schema, tip, weight_input


def warn_of_unread(clip: CLIP, texts: Sequence[str], node_id: str | None) -> None:
    """Show a warning on a node, for which the run goes on, when texts are in a script that a CLIP hardly reads."""
    if warning := clip.describe_unread(texts):
        # Short, because it has to fit on a node.
        bridge.warn_on_node(f"{warning}: write English, or load a multilingual CLIP", node_id)


class TextObjective(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_TextObjective",
            display_name="Text Objective",
            category="Direct Ascent/objectives",
            description="Ask in words for an image: 'a coral reef full of fish'. Several prompts add up, one a line; "
            "a negative weight keeps something away. A prompt is encoded once: changing its weight costs "
            "nothing.",
            aliases="prompt, clip, text to image, txt2img, negative prompt",
            advanced=["similarity", "weight"],
            inputs=[
                Clip.Input("clip", tooltip="The model to convince, from Load CLIP Judge or CLIP from ComfyUI."),
                tip(
                    io.String.Input("text", default="a coral reef full of fish", multiline=True),
                    "A prompt a line, and ': weight' after it if you like, or '(a prompt:weight)'. 'a castle' and 'a "
                    "waterfall: 0.5' on two lines blend; 'text and letters: -0.3' keeps writing away. A colon is a "
                    "weight only where a number ends the line: 'poster: a castle' is a prompt, and so is 'at 12:30', "
                    "a time.",
                ),
                tip(
                    io.Combo.Input("similarity", options=list_options(TextSimilarity, "auto"), default="auto"),
                    "What counts as near. log_probability: the cosine, and the things that the model sees; one whole "
                    "subject grows; for starters. cosine: the paper's. spherical: the squared angle. auto: "
                    "log_probability with starters, else cosine.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, clip: CLIP, text: str, similarity: TextSimilarity, weight: float) -> io.NodeOutput:
        prompts = list(core.parse_prompts(text))
        with bridge.Wait("reading the prompts"):
            bridge.load_text_tower(clip, prompts)
            objective = weight * core.text(text, similarity).on(clip)
        # After the `with` block, because a text of `Wait` would replace the warning on the node.
        warn_of_unread(clip, prompts, cls.hidden.unique_id)
        return io.NodeOutput(objective)


class ImageObjective(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ImageObjective",
            display_name="Image Objective",
            category="Direct Ascent/objectives",
            description="Ask for an image that the model takes for another one: not its pixels, but what it shows. "
            "From grey it is a reconstruction of what the model has seen; from another start image, a "
            "blend of both.",
            aliases="clip, reconstruct, style, image prompt, photo, image to image",
            advanced=["similarity", "weight"],
            inputs=[
                Clip.Input("clip", tooltip="The model to convince, from Load CLIP Judge or CLIP from ComfyUI."),
                tip(
                    io.Image.Input("image"),
                    "The image to look like, of any size. Every one of a batch counts: two pull twice as hard.",
                ),
                tip(
                    io.Combo.Input("similarity", options=list_options(ImageSimilarity, "cosine"), default="cosine"),
                    "What counts as near. cosine: the paper's. spherical: the squared angle, which pulls harder at "
                    "what is still far away.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, clip: CLIP, image: Tensor, similarity: ImageSimilarity, weight: float) -> io.NodeOutput:
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        with bridge.Wait("looking at the image"):
            bridge.load_judges([clip], len(images))
            return io.NodeOutput(weight * core.image(images, similarity=similarity).on(clip))
