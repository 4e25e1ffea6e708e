"""Runs an ascent for a node: progress, previews, the button Finish now, and a rescue of the result after an error."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from ...das_core.ascent.loop import Ascent
from ...das_core.ascent.result import Step
from ...das_core.common.interruption import interruptible
from .. import bridge
from .previews import Previews, choose_shown
from .status import Status


class _FinishedError(Exception):
    """Raised during a step to abandon it, because the user has pressed Finish now."""


@contextmanager
def rescue_on_error(ascent: Ascent, kept: Sequence[torch.Tensor]) -> Iterator[None]:
    """If the `with` block raises after the first step, save the results; name their files in the error message.

    The image and the stack after the last complete step, the pictures of earlier steps in `kept` and the scores of all
    steps are saved, whatever the error is. Nothing is saved when the user cancels.
    """
    try:
        yield
    except Exception as error:
        if ascent.history and not bridge.is_interrupt(error):
            # The class of the error is kept, because ComfyUI recognises by it that memory ran out, and then unloads
            # models.
            error.args = (f"{str(error).rstrip('.')}. {bridge.rescue(ascent.stack, kept, ascent.history)}",)
        raise


def climb(
    ascent: Ascent,
    preview_every: int,
    frames: int,
    finish: bridge.FinishButton,
    after_step: Callable[[], None] | None = None,
) -> Iterator[torch.Tensor]:
    """Run an ascent, show its progress, and yield the pictures after some of the steps, for the output `frames`.

    Args:
        ascent: an ascent that has not begun.
        preview_every: the number of steps from one preview to the next, see `Previews`; 0 shows the last step only.
        frames: the number of steps from one yielded batch of pictures to the next. The pictures after the last step are
            always yielded; with 0 they are the only ones.
        finish: the button Finish now. When it is pressed, the step in progress is abandoned, and the ascent ends with
            the last complete step. The first step is never abandoned.
        after_step: a function that is called after every step but the last.

    Yields:
        Batches of pictures (B, 3, H, W), 0..1, in the order of the steps; the last batch has the final pictures.

    Raises:
        AscentError: when a gradient is zero or not finite, or when a canvas is not finite after a step.
        ValueError: when a judge or a denoiser cannot be used, such as a judge on another device.
        RuntimeError: when memory runs out, or the model fails.
        comfy.model_management.InterruptProcessingException: when the user has pressed cancel.
    """
    status, previews = Status(ascent.steps, ascent.plan.parts), Previews(preview_every)

    def look_up() -> None:
        bridge.check_interrupted()
        if finish.is_pressed and ascent.history:
            raise _FinishedError

    with bridge.Progress(ascent.steps, console="Optimize") as progress:
        try:
            progress.update(0)
            for done, step in enumerate(_take_steps(ascent, look_up), start=1):
                # If Finish now has abandoned a step, `_take_steps` yields the step before it once more.
                left_out = done > len(ascent.history)
                done = len(ascent.history)
                scores = step.record.scores
                last = left_out or done == ascent.steps or finish.is_pressed
                image = choose_shown(step.stack) if previews.is_due(done, last) else None
                progress.update(done, image=image, text=status.describe_step(done, scores))
                due = frames and done % frames == 0
                # A repeated step whose pictures were due has been yielded already.
                if (last or due) and not (left_out and due):
                    yield step.image().to(bridge.get_storage_device())
                if last:
                    bridge.show_text(status.describe_end(done, scores))
                    break
                if after_step is not None:
                    after_step()
        except BaseException as error:  # a cancel is an Exception in ComfyUI 0.8.0, not in 0.33
            if bridge.is_interrupt(error):
                bridge.show_text(status.describe_cancel(len(ascent.history)))
            raise
    if len(ascent.history) < ascent.steps:
        finish.note_early_end()


def _take_steps(ascent: Ascent, look_up: Callable[[], None]) -> Iterator[Step]:
    """Yield the steps of an ascent; if a step is abandoned, yield the step before it once more, and end."""
    steps = iter(ascent)
    while True:
        try:
            # The `yield` is outside this block: only a step may be abandoned, not what the caller does between steps.
            with interruptible(look_up):
                step = next(steps, None)
        except _FinishedError:
            step, steps = Step(ascent.history[-1], ascent.stack), iter(())
        if step is None:
            return
        yield step
