"""The node Plot Ascent History."""

from comfy_api.latest import io

from ...das_core.ascent.result import Record
from ...das_core.report import history as core
from .. import bridge
from ..node import Node
from ..schema import History, add_advice, schema, tip


class PlotHistory(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_PlotHistory",
            display_name="Plot Ascent History",
            category="Direct Ascent/inspect",
            description="How an ascent went: the score of every objective and the size of the gradient, step by step. "
            "A score that still rises at the end wants more steps; one that jumps about wants more views "
            "or smaller steps.",
            aliases="loss, curve, log, score, gradient",
            inputs=[
                History.Input("history", tooltip="From the history output of Direct Ascent Optimize."),
                tip(
                    History.Input("before", optional=True),
                    "The history of an earlier Direct Ascent Optimize that this one went on from, to plot both as one.",
                ),
            ],
            outputs=[
                io.String.Output("text", tooltip="First, last and best score of every objective."),
                tip(
                    io.Image.Output("chart"),
                    "A panel for every objective, or one for all if there are more than six; below, the gradient.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, history: tuple[Record, ...], before: tuple[Record, ...] = ()) -> io.NodeOutput:
        records = (*before, *history)
        with add_advice(ValueError, ": connect the history output of Direct Ascent Optimize"):
            text, chart = core.format_history(records), core.plot_history(records)
        image = bridge.to_comfy_images(chart)
        return io.NodeOutput(text, image, ui=bridge.show_result(cls, text, image))
