"""The node Direct Ascent Optimize."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from comfy_api.latest import io

from ...das_core.ascent.ascent import Ascent
from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.ascent.optimizers import Optimizer
from ...das_core.ascent.plan import make_plan
from ...das_core.ascent.result import Record
from ...das_core.ascent.steering.act_text import read_acts
from ...das_core.ascent.steering.acts import ActError
from ...das_core.looks.look import Look as CoreLook
from ...das_core.objectives.objective import Objective as CoreObjective
from ...das_core.objectives.term import TrackError
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.spec import StackSpec
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from .. import bridge
from ..node import Node
from ..schema import Augmentation, History, Look, Stack, add_advice, list_connected, objectives_input, schema, tip
from .climb import climb, rescue_on_error
from .continuing import check_memory, recall, remember
from .recipe import read_recipe, recipe_input
from .status import draw_sheet
from .steering import ACTS_PROPERTY, Steering


class Optimize(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Optimize",
            display_name="Direct Ascent Optimize",
            category="Direct Ascent",
            description="Let the stack climb: each step shows its views to the models, asks what change would raise "
            "the score, and moves all levels that way. Watch it grow in the preview. Finish now ends it "
            "with the picture so far; Cancel discards it. Connect as many objectives as you like; each "
            "counts by its weight. Connect image to Save Image: ComfyUI runs this node only if another "
            "node uses its result.",
            aliases="synthesis, gradient ascent, sampler, deep dream, deepdream, film, video, gif, timelapse, "
            "text to image, photo",
            advanced=[
                "recipe.optimizer",
                "recipe.optimizer.coarse_to_fine",
                "recipe.optimizer.tilt",
                "recipe.schedule",
                "recipe.chunk",
                "recipe.focus.start_width",
                "recipe.focus.end_width",
                "recipe.focus.opening",
                "recipe.denoise",
                "recipe.denoise.strength",
                "recipe.denoise.end_strength",
                "recipe.denoise.blend",
                "recipe.denoise.keep",
            ],
            inputs=[
                tip(
                    Stack.Input("stack", optional=True),
                    "What climbs. A stack that has climbed before goes on from where it is. Without one: 448 x 448 "
                    "from grey, the defaults of Image Stack.",
                ),
                objectives_input("What the ascent climbs: all of these, each by its weight."),
                tip(
                    Augmentation.Input("augmentation", optional=True),
                    "How the models see the picture. Without one: the views of the recipe.",
                ),
                tip(
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=True),
                    "Which views are drawn. Another seed gives another picture of the same thing.",
                ),
                # Workflow files store the values of widgets by position. `recipe` is the last widget, so that new
                # inputs inside its option `custom` do not change the positions of other widgets.
                recipe_input(),
                tip(
                    Look.Input("look", optional=True),
                    "What the picture is made of, such as pixels, ink or glass. Without one: paint, or the look that "
                    "the stack has already.",
                ),
                # The page neither shows it nor stores it among the values: web/steer_panel.js keeps it as a property.
                tip(
                    io.String.Input("acts", default="", optional=True, socketless=True, extra_dict={"hidden": True}),
                    "What was steered, and after which step, as the page writes it: the same picture again. Empty: "
                    "nothing. Long: much was painted.",
                ),
            ],
            hidden=[io.Hidden.extra_pnginfo],
            has_intermediate_output=True,  # Else a page that is opened later gets no panel from a run that is reused.
            outputs=[
                io.Image.Output("image", tooltip="The picture of every item of the batch."),
                Stack.Output("stack", tooltip="The stack as it is now; Direct Ascent Optimize can go on from it."),
                io.Image.Output("frames", tooltip="The kept steps in order, the final image last."),
                History.Output("history", tooltip="Scores and gradient norm of every step."),
                io.Mask.Output("importance", tooltip="Where the models looked: bright where the gradient was large."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        """Return a text that changes when a run was steered or ended early, so the next run is not skipped."""
        return bridge.fingerprint_changes()

    @classmethod
    def execute(
        cls,
        seed: int,
        recipe: dict[str, Any] | None = None,
        stack: ImageStack | None = None,
        objectives: Mapping[str, CoreObjective] | None = None,
        augmentation: CoreAugmentation | None = None,
        look: CoreLook | None = None,
        acts: str = "",
    ) -> io.NodeOutput:
        with bridge.free_cache_on_exit(), bridge.Controls() as controls:
            known = read_acts(acts)
            steering = Steering(known, controls)
            inputs = [stack, augmentation, look, *list_connected(objectives)]
            stack = stack if stack is not None else ImageStack.gray(StackSpec())
            if look is not None:
                stack = replace(stack, spec=replace(stack.spec, look=look))
            settings = read_recipe(recipe, stack)
            chosen = settings.recipe
            if augmentation is not None:
                chosen = replace(chosen, augmentation=augmentation)
            size = stack.spec.width, stack.spec.height
            bridge.check_frame_memory(stack.batch, *size, chosen.steps, settings.frame_every)
            # Checked before `prepare` builds the operator, because the operator may need the most memory.
            node = "Film Stack" if stack.spec.zoom is None else "Zoom Stack"
            with add_advice(
                TrackError, f". Direct Ascent Keyframes and Direct Ascent Schedule say which, {node} how many there are"
            ):
                plan = make_plan(list_connected(objectives), stack.spec, stack.batch)
            needed = estimate_ascent_bytes(stack.spec, stack.batch, plan.groups, chosen.optimizer)
            bridge.make_room(needed, *_explain_memory(stack, chosen.optimizer))
            bridge.show_text(f"preparing {stack.spec.width} x {stack.spec.height}")
            device = bridge.get_device()
            with add_advice(ActError, ". After other changes, 'a new one' below Finish now forgets what was steered"):
                ascent = chosen.prepare(stack, plan, seed=seed, chunk=settings.chunk, device=device, acts=steering.acts)
            kept: list[torch.Tensor] = []
            histories: list[tuple[Record, ...]] = []
            key, text = (seed, chosen, settings.chunk), ""
            if before := recall(inputs, key, known):
                ascent, histories = before.restore(ascent, steering), [*before.histories[:-1]]
                kept = [ascent.stack.image().to(bridge.get_storage_device())]
            bridge.show_text("loading the models")
            steering.tell(ascent)
            if settings.preview_every:
                # This replaces the preview of the previous run.
                bridge.Progress(ascent.steps).update(0, image=draw_sheet(ascent.stack))
            following: Ascent | None = ascent
            while following is not None:
                ascent, following = following, None
                kept = kept if ascent.history else []
                with rescue_on_error(ascent, kept):
                    if not ascent.history:
                        _load_judges(ascent, settings.chunk)
                        text = climb(ascent, settings.preview_every, settings.frame_every, steering, kept)
                    histories.append(tuple(ascent.history))
                    reached = remember(inputs, key, steering, histories, ascent)
                    if steering.goes_on:
                        following = _go_on(ascent, steering, settings.frame_every)
            # So that the workflow in a saved picture makes it again.
            bridge.store_property(cls.hidden.extra_pnginfo, ACTS_PROPERTY, steering.write(ascent))
            with rescue_on_error(ascent, kept):
                result = ascent.result
                return io.NodeOutput(
                    bridge.to_comfy_images(result.image),
                    reached,
                    bridge.join_comfy_images(kept),
                    tuple(record for history in histories for record in history),
                    bridge.to_comfy_masks(result.importance),
                    ui=steering.show_end(cls, ascent, text),
                )


def _go_on(ascent: Ascent, steering: Steering, frames: int) -> Ascent | None:
    """Return the ascent that follows a finished one; None if it cannot be, which the node then says."""
    try:
        check_memory(ascent, steering.next_scale, frames)
        return steering.go_on(ascent)
    except ValueError as error:
        bridge.show_text(f"not {'more' if steering.next_scale == 1 else 'larger'}: {error}")
        return None


def _load_judges(ascent: Ascent, chunk: int) -> None:
    """Bring the judges of an ascent to the device, with room for its views; `chunk` is what the user has set."""
    stack = ascent.stack
    together = min(ascent.chunk, ascent.augmentation.views * stack.batch)
    transforms = ascent.augmentation.transforms
    groups, optimizer = ascent.plan.groups, ascent.optimizer
    room = estimate_ascent_bytes(stack.spec, stack.batch, groups, optimizer, together, transforms)
    if chunk and bridge.get_device().type == "cpu":
        # On other devices PyTorch raises an error if a chunk is too large, and the ascent halves the chunk. On a CPU
        # the system may run out of memory without such an error, so the memory is checked here.
        bridge.make_room(
            room,
            f"showing {together} views at once",
            "set chunk to 0, or to a smaller number, or choose a smaller model",
        )
    bridge.load_judges(ascent.judges, together, room)


def _explain_memory(stack: ImageStack, optimizer: Optimizer) -> tuple[str, str]:
    """Return two parts of an error message: a description of the ascent that needs memory, and advice to the user."""
    spec = stack.spec
    series = "frames" if spec.time is not None else "depths" if spec.zoom is not None else None
    images = f"{stack.batch} {series} of" if series else f"{stack.batch} x"
    what = f"an ascent of {images} {spec.width} x {spec.height} with {len(spec.levels)} levels"
    if optimizer.needs_levels or spec.method != "spectral":
        return what, "set optimizer to ascent or sgd and method to spectral, take fewer levels, or a smaller picture"
    return what, f"make width, height, margin or {f'the number of {series}' if series else 'batch_size'} smaller"
