"""The nodes Direct Ascent Classify and Similarity."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.weighted_lines import parse_texts
from ...das_core.models.classifier import Classifier as CoreClassifier
from ...das_core.models.clip import CLIP
from ...das_core.report import verdict as core
from ...das_core.report.chart import estimate_chart_bytes
from .. import bridge
from ..node import Node
from ..objectives.embedding import warn_of_unread
from ..schema import Classifier, Clip, schema, tip


def _check_charts(images: int, bars: int) -> None:
    """Raise a ValueError when the charts, one of `bars` bars for each image, do not fit into the free memory."""
    bridge.check_memory(
        estimate_chart_bytes(images, bars),
        f"a chart of {bars} bars for each of {images} images",
        "ask about fewer images at once",
        bridge.get_storage_device(),
    )


class Classify(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Classify",
            display_name="Direct Ascent Classify",
            category="Direct Ascent/inspect",
            description="Name what an image shows, with how sure the classifier is. Ask a model that did not make the "
            "image: the one that was climbed is always convinced, a second opinion says whether others "
            "see it too.",
            aliases="recognise, predict, label, verdict",
            advanced=["top_k"],
            inputs=[
                Classifier.Input("classifier", tooltip="The model to ask, from Load Classifier."),
                io.Image.Input("image", tooltip="Any image or batch; an oblong one is judged by its middle square."),
                tip(
                    io.Int.Input("top_k", default=5, min=1, max=100),
                    "How many classes to name. 1: the first choice alone. 5: with its rivals.",
                ),
            ],
            outputs=[
                io.String.Output("text", tooltip="The classes with their probabilities, an image a paragraph."),
                io.Image.Output("chart", tooltip="The same as a bar chart for every image."),
                io.Float.Output(
                    "probability", tooltip="The probability of the first choice for the first image, 0..1."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, classifier: CoreClassifier, image: Tensor, top_k: int) -> io.NodeOutput:
        _check_charts(len(image), min(top_k, len(classifier.labels)))
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        bridge.load_judges([classifier], len(images))
        predictions = core.classify(classifier, images, top_k)
        named = [[(each.name, each.probability) for each in row] for row in predictions]
        text = core.format_answers(named, f"{classifier.name} sees", "7.1%")
        chart = bridge.to_comfy_images(core.plot_answers(named, classifier.name, (0.0, 1.0), "{:.1%}".format))
        shown = bridge.show_result(cls, text, chart)
        return io.NodeOutput(text, chart, predictions[0][0].probability, ui=shown)


class Similarity(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Similarity",
            display_name="Direct Ascent Similarity",
            category="Direct Ascent/inspect",
            description="How near images come to some texts, under any CLIP: the cosine of their embeddings. Numbers "
            "of one model compare with each other, not with those of another. Ask a model that did not "
            "make the image, and give it other texts beside the right one: what counts is which of them "
            "is nearest.",
            aliases="clip score, compare, cosine, retrieval",
            inputs=[
                Clip.Input("clip", tooltip="The model to ask, from Load CLIP Judge or CLIP from ComfyUI."),
                io.Image.Input("image", tooltip="Any image or batch. Most models see only the middle square."),
                tip(
                    io.String.Input(
                        "text", default="a coral reef full of fish\na castle\na cup of coffee", multiline=True
                    ),
                    "A text a line: the one that was asked for, and others to compare it with. A weight behind a "
                    "text, as in Text Objective ('a castle: 1.3', '(a castle:1.3)'), is taken off and has no effect.",
                ),
            ],
            outputs=[
                io.String.Output("text", tooltip="The texts with their cosines, the nearest first."),
                io.Image.Output("chart", tooltip="The same as a bar chart for every image, in the order of the texts."),
                io.Float.Output("similarity", tooltip="The cosine of the first image and the first text, -1..1."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, clip: CLIP, image: Tensor, text: str) -> io.NodeOutput:
        texts = parse_texts(text)
        _check_charts(len(image), len(texts))
        warn_of_unread(clip, texts, cls.hidden.unique_id)
        bridge.load_text_tower(clip, texts)
        # Encoded and cached now, because loading the image tower may push the text tower off a small GPU.
        clip.encode_text(texts)
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        bridge.load_judges([clip], len(images))
        table = core.compare_with_texts(clip, images, texts)
        rows = [list(zip(texts, row, strict=True)) for row in table.tolist()]
        listing = core.format_answers(rows, f"{clip.name} finds it near to")
        chart = bridge.to_comfy_images(core.plot_answers(rows, clip.name))
        shown = bridge.show_result(cls, listing, chart)
        return io.NodeOutput(listing, chart, float(table[0, 0]), ui=shown)
