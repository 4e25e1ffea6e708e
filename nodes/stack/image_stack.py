"""The node Image Stack."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.stack.image_stack import ImageStack as CoreStack
from ...das_core.stack.size import check_size, widen_margin
from ...das_core.stack.spec import StackSpec
from .. import bridge
from ..node import Node
from ..schema import Stack, read_choice, schema, tip
from .stack_inputs import (
    STARTS,
    check_start,
    choose_parametrization,
    choose_size,
    details_input,
    read_details,
    start_input,
)

_MAX_SIDE = 16384


class ImageStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ImageStack",
            display_name="Image Stack",
            category="Direct Ascent",
            description="The picture to be made, as a sum of pictures at many resolutions. A step moves all of them, "
            "so coarse shapes and fine detail grow together; that is what keeps the result an image and "
            "not adversarial noise. Start from grey, from noise, or from an image of yours; with a mask, "
            "only a part of it changes.",
            aliases="imstack, pyramid, canvas, photo, image to image, img2img, multi-resolution, inpaint, "
            "seamless tile, wallpaper",
            advanced=[
                "start.amplitude",
                "start.decay",
                "start.contrast",
                "details",
                "details.margin",
                "details.parametrization",
                "details.parametrization.step",
                "details.color",
                "details.method",
                "details.feather",
                "details.size",
                "seed",
            ],
            inputs=[
                tip(
                    io.Image.Input("image", optional=True),
                    "An image to start from, with start set to image; with a mask, what stays around it. Any size: it "
                    "is resized to cover width x height, centred.",
                ),
                tip(
                    io.Int.Input("width", default=448, min=16, max=_MAX_SIDE, step=8),
                    "Width of the picture in pixels. 224 is what most models see; 448 takes hardly longer and shows "
                    "more. Larger pictures take more steps to fill.",
                ),
                tip(
                    io.Int.Input("height", default=448, min=16, max=_MAX_SIDE, step=8),
                    "Height of the picture in pixels. Need not equal the width.",
                ),
                tip(
                    io.Int.Input("batch_size", default=1, min=1, max=64),
                    "How many images to make at once, each with draws of its own. Time grows with it.",
                ),
                start_input(),
                tip(
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=True),
                    "Which noise to start from: another number, another picture. With start gray or image it changes "
                    "nothing; the draws of views have their own seed in Direct Ascent Optimize.",
                ),
                tip(
                    io.Mask.Input("mask", optional=True),
                    "What of the image is to be made anew (white), any size. All else stays as it is, to the last "
                    "bit, and is seen by the models as surroundings.",
                ),
                details_input(),
            ],
            outputs=[Stack.Output("stack", tooltip="For Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(
        cls,
        width: int,
        height: int,
        batch_size: int,
        seed: int,
        start: dict[str, Any] | None = None,
        image: Tensor | None = None,
        mask: Tensor | None = None,
        details: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        chosen = read_details(details)
        kind, settings = read_choice("start", start, STARTS)
        check_start(kind, image is not None, mask is not None)
        width, height = choose_size(chosen.size, width, height, image)
        check_size(width, height, 0 if chosen.tile else chosen.margin)
        # A tile has no margin. The value of the widget is ignored: the widget may be hidden, and its default is not 0.
        margin = 0 if chosen.tile else widen_margin(width, height, chosen.margin)
        longest = max(width, height) + 2 * margin
        resolutions, parametrization = choose_parametrization(chosen.parametrization, longest)
        spec = StackSpec(
            width,
            height,
            margin,
            resolutions,
            color=chosen.color,
            method=chosen.method,
            tile=chosen.tile,
            parametrization=parametrization,
        )
        batch = max(batch_size, *(len(given) for given in (image, mask) if given is not None), 1)
        bridge.check_memory(
            estimate_ascent_bytes(spec, batch),
            f"an ascent of {batch} x {width} x {height} with a margin of {margin}",
            "make width, height, margin or batch_size smaller",
        )
        if kind == "noise":
            stack = CoreStack.noise(spec, batch_size, **settings, seed=seed)
        elif kind == "image" and image is not None:
            stack = CoreStack.from_image(spec, bridge.from_comfy_images(image), batch_size, **settings)
        else:
            stack = CoreStack.gray(spec, batch_size)
        if image is not None and mask is not None:
            stack = stack.place_into(bridge.from_comfy_images(image), bridge.from_comfy_mask(mask), chosen.feather)
        return io.NodeOutput(stack.to(bridge.get_storage_device()))
