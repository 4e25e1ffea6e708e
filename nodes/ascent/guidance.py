"""The node Guide Diffusion."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.guidance import Guidance, GuidedSteps
from ...das_core.objectives.objective import Objective as CoreObjective
from ...das_core.objectives.objective import join_objectives
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from .. import bridge
from ..node import Node
from ..schema import Augmentation, list_connected, objectives_input, schema, tip

START, END, EVERY = 0.1, 1.0, 3
"""The defaults of three inputs: the points of the sampling run at which guidance begins and ends, from 0 (noise) to 1
(picture), and the n in "every n-th step is guided"."""


class GuideDiffusion(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_GuideDiffusion",
            display_name="Guide Diffusion",
            category="Direct Ascent/diffusion",
            description="Let objectives steer a diffusion model while it samples: a class, words, an image, a style, "
            "a feature, also in a region. Every few steps the picture that the model expects climbs the "
            "objectives for a moment, and a little of the change goes into the sampling. Works with "
            "models of images such as SD 1.5, SDXL, SD3 and Flux; neither model nor VAE is trained or "
            "differentiated. Connect model to a KSampler.",
            aliases="guidance, classifier guidance, clip guidance, universal guidance, steer, KSampler",
            advanced=["steps", "start_percent", "end_percent", "seed"],
            inputs=[
                io.Model.Input("model", tooltip="The diffusion model to guide; it is not changed for other nodes."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the diffusion model, from the same checkpoint."),
                objectives_input("What the picture is led towards: all of these, each by its weight."),
                tip(
                    Augmentation.Input("augmentation", optional=True),
                    "How the judges see the picture. Without one: 16 views as those of Direct Ascent Augmentation, "
                    "none from afar. Fewer views are faster.",
                ),
                tip(
                    io.Int.Input("steps", default=Guidance.steps, min=1, max=100),
                    "Steps of ascent each time. 1: fastest, a rough direction. 3: steady. 10: slow, hardly better.",
                ),
                tip(
                    io.Float.Input("strength", default=Guidance.strength, min=0.0, max=20.0, step=0.05),
                    "How much each guided step changes. 0: not at all, the unguided picture. 1: a tenth of the "
                    "contrast of the latent. Far above: the judges are convinced, the diffusion model is not.",
                ),
                tip(
                    io.Float.Input("start_percent", default=START, min=0.0, max=1.0, step=0.01),
                    "Where guiding begins in the sampling, from noise (0) to picture (1). 0: the layout too. 0.4: "
                    "shapes stay, details change.",
                ),
                tip(
                    io.Float.Input("end_percent", default=END, min=0.0, max=1.0, step=0.01),
                    "Where it ends. 0.8: the model finishes alone, which cleans the picture. 1: guided to the last "
                    "step, finer detail for the judges, more grain.",
                ),
                tip(
                    io.Int.Input("every", default=EVERY, min=1, max=100),
                    "Guide each n-th step of the sampler. 1: every one, strongest and slowest. 3: a third of the "
                    "cost. 6: rarely; raise strength with it.",
                ),
                tip(
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1),
                    "Which views the judges are shown. The sampler has a seed of its own.",
                ),
            ],
            outputs=[io.Model.Output("model", tooltip="The guided model, for KSampler or any other sampler.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        vae: Any,
        steps: int,
        strength: float,
        start_percent: float,
        end_percent: float,
        every: int,
        seed: int,
        objectives: Mapping[str, CoreObjective] | None = None,
        augmentation: CoreAugmentation | None = None,
    ) -> io.NodeOutput:
        objective = join_objectives(list_connected(objectives), "guide by")
        guidance = Guidance(objective, augmentation, steps, strength, seed)
        guided = GuidedSteps(start_percent, end_percent, every)
        bridge.check_vae(model, vae)
        if not strength:
            return io.NodeOutput(model)
        return io.NodeOutput(
            bridge.guide_model(model, bridge.DiffusionGuide(guidance, vae, guided, cls.hidden.unique_id))
        )
