"""The node Direct Ascent Camera."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.curves import Curve
from ...das_core.report.camera import LARGEST_SIDE, MOST_FRAMES, estimate_camera_bytes, move_camera, plan_frames
from ...das_core.report.shots import parse_shots
from .. import bridge
from ..node import Node
from ..schema import list_options, schema, tip


class Camera(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Camera",
            display_name="Direct Ascent Camera",
            category="Direct Ascent",
            description="Move a camera over a picture, or over a film while it plays: from shot to shot it pans, "
            "zooms and rolls, and never shows what lies outside. A large picture of Stack to Image stays "
            "sharp from near. The frames are ready for Create Video and Save Video.",
            aliases="pan, zoom, roll, rotate, ken burns, camera motion, video, gif, animation",
            advanced=["frames", "width", "height", "curve"],
            inputs=[
                tip(
                    io.Image.Input("images"),
                    "A picture of any size, or a film with one image for each frame. If the camera comes near, a "
                    "large one: of Stack to Image with a scale of 2 to 4.",
                ),
                tip(
                    io.String.Input("shots", default="0: 0.5 0.5 1\n47: 0.5 0.5 3", multiline=True),
                    "Where the camera is at which frame, from 0: 'frame: x y zoom' or 'frame: x y zoom roll', each in "
                    "a line, or with ' / ' between them. x, y: the middle of what it sees, 0 0 top left, 1 1 bottom "
                    "right. zoom, 1 to 64: 1 sees all that fits, 2 half of its width. roll: turned clockwise, in "
                    "degrees.",
                ),
                tip(
                    io.Int.Input("frames", default=0, min=0, max=MOST_FRAMES),
                    "How many frames to film. 0: as many as the film has, or to the last shot over a picture. More, "
                    "over a picture: the camera stands still after the last shot.",
                ),
                tip(
                    io.Int.Input("width", default=0, min=0, max=LARGEST_SIDE, step=2),
                    "Width of the frames in pixels. 0: that of the picture. Frames of another shape show a part of "
                    "it, also at zoom 1.",
                ),
                tip(
                    io.Int.Input("height", default=0, min=0, max=LARGEST_SIDE, step=2),
                    "Height of the frames in pixels. 0: that of the picture.",
                ),
                tip(
                    io.Combo.Input("curve", options=list_options(Curve, "cosine"), default="cosine"),
                    "How it moves from shot to shot. cosine: starts and stops softly. linear: at a constant speed. "
                    "step: jumps half-way.",
                ),
            ],
            outputs=[io.Image.Output("frames", tooltip="The frames, as one batch, for Create Video or another node.")],
        )

    @classmethod
    def execute(cls, images: Tensor, shots: str, frames: int, width: int, height: int, curve: Curve) -> io.NodeOutput:
        known = parse_shots(shots)
        shape = images.shape[1], images.shape[2]
        length, size = frames or None, (width or shape[1], height or shape[0])
        count, (tall, wide) = plan_frames(len(images), shape, known, frames=length, size=size)
        bridge.check_memory(
            estimate_camera_bytes(len(images), shape, count, (tall, wide)),
            f"{count} frames of {wide} x {tall}",
            "choose fewer frames or smaller ones",
            images.device,
        )
        film = move_camera(bridge.from_comfy_images(images), known, frames=length, size=size, curve=curve)
        return io.NodeOutput(bridge.to_comfy_images(film))
