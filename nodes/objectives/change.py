"""The nodes Direct Ascent Region, Schedule and Ensemble: where, when or by which views another objective counts."""

from collections.abc import Mapping

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.curves import Curve
from ...das_core.common.keyframes import parse_numbers
from ...das_core.common.masks import check_mask
from ...das_core.objectives.change import in_region, over_frames, over_steps, share_views
from ...das_core.objectives.objective import Objective as CoreObjective
from .. import bridge
from ..node import Node
from ..schema import Objective, list_connected, list_options, objectives_input, schema, tip


class Region(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Region",
            display_name="Direct Ascent Region",
            category="Direct Ascent/objectives",
            description="Ask for something in one part of the picture: a castle on the left, a forest on the right. "
            "The model looks where the mask is, and what lies under it moves for this objective; large "
            "soft shapes reach a little over the edge. Each region is looked at by itself, with as many "
            "views as Direct Ascent Augmentation says.",
            aliases="mask, area, regional prompt, compose",
            inputs=[
                Objective.Input("objective", tooltip="What is asked for there, of any kind."),
                tip(
                    io.Mask.Input("mask"),
                    "Where (white), any size: it is resized to cover the picture, centred. Grey counts in part. One "
                    "mask for all images, or one for each: over the frames of a film the region moves. Smaller than "
                    "16 x 16 pixels: refused, nothing could be seen there.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, objective: CoreObjective, mask: Tensor) -> io.NodeOutput:
        return io.NodeOutput(in_region(objective, check_mask(bridge.from_comfy_mask(mask), "the region")))


class Schedule(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Schedule",
            display_name="Direct Ascent Schedule",
            category="Direct Ascent/objectives",
            description="Let an objective count for more or less as the ascent goes on: first the scene, then a "
            "detail; first one subject, then another. Its weight is multiplied by a factor that goes from "
            "start to end. It needs a second objective to count against: alone, every weight above 0 "
            "makes the same picture (but with the optimizer sgd, smaller steps), and 0 leaves the picture "
            "as it is. In a film it can go over the frames in place of the steps.",
            aliases="fade, curve, weight, prompt schedule, audio, envelope, film",
            advanced=["curve", "frames"],
            inputs=[
                Objective.Input("objective", tooltip="The objective whose weight is to change, of any kind."),
                tip(
                    io.Float.Input("start", default=0.0, min=-100.0, max=100.0, step=0.05),
                    "Factor of its weight at the first step. 0: not asked for yet. 1: as it is. Below 0: climbed away "
                    "from.",
                ),
                tip(
                    io.Float.Input("end", default=1.0, min=-100.0, max=100.0, step=0.05),
                    "Factor at the last step. 0: no longer asked for. 1: as it is. 2: twice as much.",
                ),
                tip(
                    io.Combo.Input("curve", options=list_options(Curve, "linear"), default="linear"),
                    "How it goes there. linear: evenly. cosine: slowly at both ends. step: at once, half-way.",
                ),
                tip(
                    io.String.Input("frames", default="", optional=True),
                    "For a film: where between start (0) and end (1) each frame is, in place of the steps. '0: 0 / "
                    "12: 1': keyframes. '0, 0.4, 1': a number for each frame. For a zoom the same of its depths. "
                    "Empty: over the steps.",
                ),
                tip(
                    io.Float.Input("numbers", force_input=True, optional=True),
                    "The same as a list of numbers from another node, one for each frame, such as the loudness of a "
                    "sound. In place of frames.",
                ),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(
        cls,
        objective: CoreObjective,
        start: float,
        end: float,
        curve: Curve,
        frames: str = "",
        numbers: tuple[float, ...] | None = None,
    ) -> io.NodeOutput:
        given = list(numbers) if numbers is not None else parse_numbers(frames) if frames.strip() else None
        if given is None:
            return io.NodeOutput(over_steps(objective, start, end, curve))
        if isinstance(given, list):
            return io.NodeOutput(over_frames(objective, [_between(start, end, one) for one in given]))
        points = {frame: _between(start, end, one) for frame, one in given.items()}
        return io.NodeOutput(over_frames(objective, points, curve))


def _between(start: float, end: float, share: float) -> float:
    """Interpolate linearly: return `start` for the share 0, `end` for the share 1."""
    return start + (end - start) * share


class Ensemble(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Ensemble",
            display_name="Direct Ascent Ensemble",
            category="Direct Ascent/objectives",
            description="Ask several models for the same picture at about the time of one: each sees a part of the "
            "views. What convinces models that were trained apart is a better picture than what convinces "
            "one. Connect an objective for each model: the same classes in Class Objectives, or the same "
            "words in Text Objectives. Connected to Direct Ascent Optimize one by one, each would see all views, and "
            "take its own time.",
            aliases="several models, combine, share views, vote",
            inputs=[
                objectives_input(
                    "Two or more objectives, each for a model. Together they count as one.",
                    slot="An objective for one of the models.",
                    least=2,
                )
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, objectives: Mapping[str, CoreObjective] | None = None) -> io.NodeOutput:
        return io.NodeOutput(share_views(*list_connected(objectives)))
