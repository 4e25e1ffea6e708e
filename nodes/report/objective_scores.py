"""The node Objective Score."""

from collections.abc import Mapping

from comfy_api.latest import io
from torch import Tensor

from ...das_core.objectives.objective import Objective as CoreObjective
from ...das_core.report import objective_scores as core
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from .. import bridge
from ..node import Node
from ..schema import Augmentation, list_connected, objectives_input, schema, tip


class ObjectiveScore(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ObjectiveScore",
            display_name="Objective Score",
            category="Direct Ascent/inspect",
            description="Score images under objectives and pick the best: of a batch, of several seeds, of guided and "
            "unguided. All are seen through the same views, so that the numbers compare. Ask models that "
            "did not make the images.",
            aliases="rank, best of, rate, compare, sort, pick",
            advanced=["seed"],
            inputs=[
                io.Image.Input("image", tooltip="The images to compare, as a batch; one alone gets its scores too."),
                objectives_input("What the images are scored by; with several, by the weighted sum."),
                tip(
                    Augmentation.Input("augmentation", optional=True),
                    "How the judges see the images. Without one: each once and whole, an oblong one in its middle "
                    "square.",
                ),
                tip(
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1),
                    "Which views are drawn; the same for all images. Another seed tells how sure a rank is.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="All images, the best first."),
                io.String.Output("scores", tooltip="The total and every score, an image a line, the best first."),
                io.Image.Output("best", tooltip="The best image alone."),
                io.Image.Output("chart", tooltip="The totals as a bar chart, the best at the top."),
                io.Int.Output(
                    "index", tooltip="The place of the best in the batch, from 0, for Get Latent From Batch."
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        seed: int,
        objectives: Mapping[str, CoreObjective] | None = None,
        augmentation: CoreAugmentation | None = None,
    ) -> io.NodeOutput:
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        bridge.make_room(
            core.estimate_scoring_bytes(images, augmentation),
            f"scoring {len(images)} images of {images.shape[3]} x {images.shape[2]} with their margins",
            "set a smaller jitter in Direct Ascent Augmentation, or score fewer or smaller images",
        )
        scorer = core.ImageScorer(images, list_connected(objectives), augmentation, seed)
        bridge.load_judges(scorer.judges, scorer.chunk)
        scores = scorer.score()
        text = core.format_scores(scores)
        chart = bridge.to_comfy_images(core.plot_scores(scores))
        ranked = bridge.to_comfy_images(images[scores.ranking])
        shown = bridge.show_result(cls, text, chart)
        return io.NodeOutput(ranked, text, ranked[:1].clone(), chart, scores.ranking[0], ui=shown)
