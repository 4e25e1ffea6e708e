"""The node Direct Ascent Describe."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.models.clip import CLIP
from ...das_core.models.words import PROBES, embed_words
from ...das_core.report import description as core
from ...das_core.report.verdict import format_answers
from .. import bridge
from ..node import Node
from ..schema import Clip, schema, tip


class Describe(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Describe",
            display_name="Direct Ascent Describe",
            category="Direct Ascent/inspect",
            description="Find, among nearly 29,000 names of things, the words that fit an image best under a CLIP; "
            "with a second image, the words that tell the two apart. A starter reads them in a "
            "second; the first run with another CLIP takes minutes without a GPU. Starters know the names of their "
            "thousand classes best.",
            aliases="interrogate, caption, clip interrogator, words, tags, name",
            inputs=[
                Clip.Input("clip", tooltip="The model to ask; one that did not make the image, as second_opinion."),
                io.Image.Input("image", tooltip="Any image or batch. Most models see only the middle square."),
                tip(
                    io.Int.Input("count", default=8, min=1, max=100),
                    "How many words to find. 1: a name. 30: everything that the picture reminds the model of.",
                ),
                io.Image.Input(
                    "other",
                    optional=True,
                    tooltip="Another image or batch. Words then count by how much better they fit the image.",
                ),
            ],
            outputs=[
                io.String.Output("text", tooltip="The words with how well they fit, an image a paragraph."),
                io.String.Output("words", tooltip="The words for the first image alone, a line each, as a prompt."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, clip: CLIP, image: Tensor, count: int, other: Tensor | None = None) -> io.NodeOutput:
        device = bridge.get_device()
        with bridge.Wait("looking for words", "reading all words, once and for all") as wait:
            bridge.load_text_tower(clip, PROBES)
            # First the words: loading the image tower may push the text tower off a small GPU.
            words = embed_words(clip, bridge.find_model_folder(bridge.CLIPS), wait.report)
            bridge.load_judges([clip], len(image))
            others = None if other is None else bridge.from_comfy_images(other).to(device)
            found = core.describe(clip, bridge.from_comfy_images(image).to(device), others, count, words)
        text = format_answers(found, f"{clip.name} would call it")
        return io.NodeOutput(text, "\n".join(word for word, _ in found[0]), ui=bridge.show_result(cls, text))
