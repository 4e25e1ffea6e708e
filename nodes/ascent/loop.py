"""The node Optimize."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from comfy_api.latest import io

from ...das_core.ascent.loop import Ascent
from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.ascent.optimizers import Optimizer
from ...das_core.ascent.pace import Schedule
from ...das_core.denoisers.base import Denoiser as CoreDenoiser
from ...das_core.objectives.base import Objective as CoreObjective
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.spec import StackSpec
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from .. import bridge
from ..node import Node
from ..schema import Augmentation, Denoiser, History, Stack, list_options, objectives_input, schema
from .denoising import denoise_input, read_denoising
from .focus import focus_input, read_focus
from .optimizers import optimizer_input, read_optimizer
from .previews import Previews
from .status import Status


class Optimize(Node):
    """The node that runs an ascent."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Optimize",
            display_name="Optimize",
            category="Direct Ascent",
            description=(
                "Let the stack climb: each step shows its views to the models, asks what change would raise the score, "
                "and moves all levels that way. Watch it grow in the preview. Finish now ends it with the picture so "
                "far; Cancel discards it. 60 steps make a good picture. Connect as many objectives as you like; their "
                "weighted scores are summed."
            ),
            search_aliases=[
                "das",
                "direct ascent",
                "synthesis",
                "gradient ascent",
                "sampler",
                "deep dream",
                "film",
                "timelapse",
                "text to image",
            ],
            advanced=[
                "optimizer",
                "optimizer.momentum",
                "optimizer.coarse_to_fine",
                "schedule",
                "frames",
                "chunk",
                "focus.start",
                "focus.end",
                "focus.share",
                "focus.emphasis",
                "denoise",
                "denoise.kind",
                "denoise.strength",
                "denoise.end",
                "denoise.share",
            ],
            inputs=[
                Stack.Input(
                    "stack",
                    optional=True,
                    tooltip="What climbs. A stack that has climbed before goes on from where it is. Without one: 448 x "
                    "448 from grey, the defaults of Image Stack.",
                ),
                objectives_input("What the ascent climbs: the weighted sum of all of these."),
                Augmentation.Input(
                    "augmentation",
                    optional=True,
                    tooltip="How the models see the picture. Without one: the defaults of Augmentation, with "
                    "jitter at most the margin.",
                ),
                io.Int.Input(
                    "steps",
                    default=60,
                    min=1,
                    max=100000,
                    tooltip="How many steps. 30: a sketch, with a step_size of 0.18. 60: a finished picture, with "
                    "0.12. 150: the best, with 0.075.",
                ),
                optimizer_input(),
                io.Combo.Input(
                    "schedule",
                    options=list_options(Schedule, "cosine"),
                    default="cosine",
                    tooltip="cosine: steps shrink toward the end (with ascent, after the coarse part), which cleans "
                    "the picture. constant: full steps to the end; choose it to go on from the result.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**64 - 1,
                    control_after_generate=True,
                    tooltip="Which views are drawn. Another seed gives another picture of the same thing.",
                ),
                io.Int.Input(
                    "preview_every",
                    default=5,
                    min=0,
                    max=1000,
                    tooltip="Show the picture every so many steps; also at the start, and after 5 seconds in any case. "
                    "1: all of them. 0: only at the end.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=10000,
                    tooltip="The steps that the frames output shows. 0: only the last. 1: every step, for a film; "
                    "memory grows with it. 10: every tenth step, and the last.",
                ),
                io.Int.Input(
                    "chunk",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Views that go through a model at once. 0: what suits the device, 4 on a CPU, 16 on a GPU. "
                    "1: least memory, slower. As many as there are views: all at once. Halved when memory runs out.",
                ),
                # Behind all that older workflows have: ComfyUI's page stores the values of inputs by their order.
                focus_input(),
                denoise_input(),
                Denoiser.Input(
                    "denoiser",
                    optional=True,
                    tooltip="A model of ComfyUI that denoises, in place of the kind of denoise. Nothing connected: the "
                    "kind. Does nothing where denoise is off.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The picture of every item of the batch."),
                Stack.Output("stack", tooltip="The stack as it is now; Optimize can go on from it."),
                io.Image.Output("frames", tooltip="The kept steps in order, the final image last."),
                History.Output("history", tooltip="Scores and gradient norm of every step."),
                io.Mask.Output("importance", tooltip="Where the models looked: bright where the gradient was large."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        """Return a text that changes when the node has finished early, so that its next run is a whole one."""
        return bridge.fingerprint_early_ends()

    @classmethod
    @bridge.enable_autograd
    def execute(
        cls,
        steps: int,
        schedule: Schedule,
        seed: int,
        preview_every: int,
        frames: int,
        chunk: int,
        optimizer: dict[str, Any] | None = None,
        stack: ImageStack | None = None,
        objectives: Mapping[str, CoreObjective] | None = None,
        augmentation: CoreAugmentation | None = None,
        focus: dict[str, Any] | None = None,
        denoise: dict[str, Any] | None = None,
        denoiser: CoreDenoiser | None = None,
    ) -> io.NodeOutput:
        connected = [objective for objective in (objectives or {}).values() if objective is not None]
        with bridge.free_cache_on_exit(), bridge.FinishButton() as finish:
            chosen = read_optimizer(optimizer)
            stack = stack if stack is not None else ImageStack.gray(StackSpec())
            bridge.check_frame_memory(stack.batch, stack.spec.width, stack.spec.height, steps, frames)
            # Before the operator is built, which may be the largest part.
            bridge.make_room(estimate_ascent_bytes(stack, connected, chosen), *_explain_memory(stack, chosen))
            ascent = Ascent(
                stack,
                connected,
                augmentation,
                steps=steps,
                optimizer=chosen,
                schedule=schedule,
                seed=seed,
                chunk=chunk,
                device=bridge.get_device(),
                focus=read_focus(focus),
                denoising=read_denoising(denoise, denoiser),
            )
            bridge.say("loading the models")
            if preview_every:
                # In place of the picture of the run before.
                bridge.Progress(steps).update(0, image=ascent.stack.image())
            together = min(ascent.chunk, ascent.augmentation.views * stack.batch)
            room = estimate_ascent_bytes(stack, connected, chosen, together)

            def load_judges() -> None:
                bridge.load_judges(ascent.judges, together, room)

            load_judges()
            # A model that denoises may push the judges off the device.
            after_step = load_judges if denoiser is not None and ascent.denoising is not None else None
            kept: list[torch.Tensor] = []
            with _rescue_on_error(ascent, kept):
                # One by one: those before an error are rescued.
                for frame in _climb(ascent, preview_every, frames, finish, after_step):
                    kept.append(frame)
                result = ascent.result
                return io.NodeOutput(
                    bridge.to_comfy_images(result.image),
                    result.stack.to(bridge.get_storage_device()),
                    bridge.to_comfy_images(torch.cat(kept)),
                    result.history,
                    bridge.to_comfy_masks(result.importance),
                )


def _explain_memory(stack: ImageStack, optimizer: Optimizer) -> tuple[str, str]:
    """Return what needs the memory of an ascent, and what to do when it is not free."""
    spec = stack.spec
    what = f"an ascent of {stack.batch} x {spec.width} x {spec.height} with {len(spec.resolutions)} levels"
    if optimizer.needs_levels or spec.method != "spectral":
        return what, "set optimizer to ascent or sgd and method to spectral, take fewer levels, or a smaller picture"
    return what, "make width, height, margin or batch_size smaller"


@contextmanager
def _rescue_on_error(ascent: Ascent, kept: Sequence[torch.Tensor]) -> Iterator[None]:
    """When the block fails after a step, save the image and the stack of the last step, and say so in the error.

    The frames that were kept and the scores of all steps are saved, too. Whatever the error is, such as memory that ran
    out: what was reached is not lost. Cancel is no failure.
    """
    try:
        yield
    except Exception as error:
        if ascent.history and not bridge.is_interrupt(error):
            # The class of the error stays: ComfyUI unloads models when memory ran out.
            error.args = (f"{str(error).rstrip('.')}. {bridge.rescue(ascent.stack, kept, ascent.history)}",)
        raise


def _climb(
    ascent: Ascent,
    preview_every: int,
    frames: int,
    finish: bridge.FinishButton,
    after_step: Callable[[], None] | None = None,
) -> Iterator[torch.Tensor]:
    """Run an ascent, show its progress and yield the frames that are to be kept.

    Args:
        ascent: an ascent that has not begun.
        preview_every: a preview is shown every so many steps, see `Previews`; 0 for the last one only.
        frames: the picture is yielded every so many steps; 0 for the last one only.
        finish: when it is pressed, the next step that ends is the last one.
        after_step: what is to be done before the next step.

    Yields:
        Batches (B, 3, H, W), 0..1, in the order of the steps; the final image is the last.

    Raises:
        AscentError: when a gradient is no number or vanishes.
        RuntimeError: when memory runs out, or the model fails.
    """
    status, previews = Status(ascent.steps), Previews(preview_every)
    with bridge.Progress(ascent.steps, console="Optimize") as progress:
        try:
            progress.update(0)
            for done, step in enumerate(ascent, start=1):
                scores = step.record.scores
                last = done == ascent.steps or finish.is_pressed
                image = step.image() if previews.is_due(done, last) else None
                progress.update(done, image=image, text=status.describe_step(done, scores))
                if last or (frames and done % frames == 0):
                    yield step.image().to(bridge.get_storage_device())
                if last:
                    bridge.say(status.describe_end(done, scores))
                    break
                if after_step is not None:
                    after_step()
        except BaseException as error:  # what cancel raises is an Exception in ComfyUI 0.8.0, and none in 0.33
            if bridge.is_interrupt(error):
                bridge.say(status.describe_cancel(len(ascent.history)))
            raise
    if len(ascent.history) < ascent.steps:
        finish.note_early_end()
