"""The node Direct Ascent Spectrum."""

import torch
from comfy_api.latest import io
from torch import Tensor

from ...das_core.report.spectrum import estimate_spectrum_bytes, measure_level_variances, measure_spectrum
from ...das_core.report.spectrum_chart import format_spectrum, plot_spectrum
from ...das_core.stack.image_stack import ImageStack
from .. import bridge
from ..node import Node
from ..schema import Stack, schema, tip


class Spectrum(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Spectrum",
            display_name="Direct Ascent Spectrum",
            category="Direct Ascent/inspect",
            description="How much of an image is coarse and how much is fine: power against frequency, beside the 1 / "
            "f^2 of photographs. A slope near -2 is natural, a flatter one is noisy, a steeper one soft. "
            "The two finest octaves have a slope of their own, since that is where made pictures differ "
            "from photographs.",
            aliases="fourier, frequency, power, sharpness, noise",
            inputs=[
                tip(
                    io.Image.Input("image", optional=True),
                    "Any image or batch, 64 pixels and more a side. Without one: the picture of the stack.",
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
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image: Tensor | None = None, stack: ImageStack | None = None) -> io.NodeOutput:
        if image is not None:
            images = bridge.from_comfy_images(image)
        elif stack is not None:
            images = stack.image()
        else:
            raise ValueError("nothing is connected: connect an image, or a stack, or both")
        height, width = images.shape[2:]
        bridge.check_memory(
            estimate_spectrum_bytes(height, width),
            f"the spectrum of {width} x {height}",
            "make the image smaller",
            torch.device("cpu"),
        )
        spectrum = measure_spectrum(images)
        levels = None if stack is None else measure_level_variances(stack)
        slopes = (spectrum.slope, spectrum.low, spectrum.high)
        text, chart = format_spectrum(spectrum, levels), bridge.to_comfy_images(plot_spectrum(spectrum, levels))
        return io.NodeOutput(
            text, chart, *(float(slope[0]) for slope in slopes), ui=bridge.show_result(cls, text, chart)
        )
