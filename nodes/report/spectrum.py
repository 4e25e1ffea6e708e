"""Charts of what came out, and of how it came about."""

from comfy_api.latest import io
from torch import Tensor

from ..das_core import history as core_history
from ..das_core.record import Record
from ..das_core.spectrum import level_variances, spectrum
from ..das_core.spectrum_chart import spectrum_chart, spectrum_text
from ..das_core.stack import ImageStack
from . import bridge
from .schema import History, Stack, schema


class Spectrum(io.ComfyNode):
    """How much of an image is coarse and how much is fine."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Spectrum",
            display_name="Spectrum",
            category="Direct Ascent/inspect",
            description=(
                "How much of an image is coarse and how much is fine: power against frequency, beside the 1 / f^2 of "
                "photographs. A slope near -2 is natural, a flatter one is noisy, a steeper one soft. The two finest "
                "octaves have a slope of their own, since that is where made pictures differ from photographs."
            ),
            search_aliases=["das", "direct ascent", "fourier", "frequency", "power", "sharpness", "noise"],
            inputs=[
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="Any image or batch, 64 pixels and more a side. Without one: the picture of the stack.",
                ),
                Stack.Input("stack", optional=True, tooltip="A stack whose levels are measured too: their variance."),
            ],
            outputs=[
                io.String.Output("text", tooltip="The slopes of every image, and of the levels of a stack."),
                io.Image.Output("chart", tooltip="Power against frequency, with what is usual of photographs."),
                io.Float.Output("slope", tooltip="The slope of the first image over all frequencies."),
                io.Float.Output("slope_low", tooltip="Its slope over large and middling shapes."),
                io.Float.Output("slope_high", tooltip="Its slope over the two finest octaves."),
            ],
        )

    @classmethod
    @bridge.with_autograd
    def execute(cls, image: Tensor | None = None, stack: ImageStack | None = None) -> io.NodeOutput:
        if image is None and stack is None:
            raise ValueError("nothing is connected: connect an image, or a stack, or both")
        found = spectrum(stack.image() if image is None and stack else bridge.images_in(image))  # type: ignore[arg-type]
        levels = None if stack is None else level_variances(stack)
        slopes = (found.slope, found.low, found.high)
        return io.NodeOutput(
            spectrum_text(found, levels),
            bridge.images_out(spectrum_chart(found, levels)),
            *(float(slope[0]) for slope in slopes),
        )


class PlotHistory(io.ComfyNode):
    """How an ascent went."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_PlotHistory",
            display_name="Plot History",
            category="Direct Ascent/inspect",
            description=(
                "How an ascent went: the score of every objective and the size of the gradient, step by step. A score "
                "that still rises at the end wants more steps; one that jumps about wants more views or smaller steps."
            ),
            search_aliases=["das", "direct ascent", "loss", "curve", "log", "score", "gradient"],
            inputs=[
                History.Input("history", tooltip="From the history output of Optimize."),
                History.Input(
                    "before",
                    optional=True,
                    tooltip="The history of an earlier Optimize that this one went on from, to plot both as one.",
                ),
            ],
            outputs=[
                io.String.Output("text", tooltip="First, last and best score of every objective."),
                io.Image.Output("chart", tooltip="A panel for every objective, and one for the gradient."),
            ],
        )

    @classmethod
    @bridge.with_autograd
    def execute(cls, history: tuple[Record, ...], before: tuple[Record, ...] = ()) -> io.NodeOutput:
        records = (*before, *history)
        chart = bridge.images_out(core_history.history_chart(records))
        return io.NodeOutput(core_history.history_text(records), chart)
