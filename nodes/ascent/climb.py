"""Runs an ascent for a node: progress, previews, Finish now, acts, and a rescue of the result after an error."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean

import torch

from ...das_core.ascent.ascent import Ascent
from ...das_core.ascent.result import Step
from ...das_core.common.interruption import interruptible
from .. import bridge
from .status import Previews, Status, draw_sheet
from .steering import Steering


class _FinishedError(Exception):
    """Raised during a step to abandon it, because the user has pressed Finish now."""


@contextmanager
def rescue_on_error(ascent: Ascent, kept: Sequence[torch.Tensor]) -> Iterator[None]:
    """If the `with` block raises after a step, save the results, unless it is a cancel; say so in the message."""
    try:
        yield
    except Exception as error:
        if ascent.history and not bridge.is_interrupt(error):
            # The class of the error is kept, because ComfyUI recognises by it that memory ran out, and then unloads
            # models.
            error.args = (f"{str(error).rstrip('.')}. {bridge.rescue(ascent.stack, kept, ascent.history)}",)
        raise


def climb(ascent: Ascent, preview_every: int, frame_every: int, steering: Steering, kept: list[torch.Tensor]) -> str:
    """Run an ascent, and return what the node says at its end.

    The pictures (B, 3, H, W) after each `frame_every`-th step, and always after the last one, are appended to `kept`
    one by one, so that those before an error can be rescued.

    Finish now abandons the step in progress, except the first. Acts change the next one.
    """
    status, previews, finish = Status(ascent.steps, ascent.plan.parts), Previews(preview_every), steering.controls
    until = min(ascent.steps, steering.until)
    # Judges are less sure of a good engraving than of a photograph, so that a share of one says nothing of it.
    is_plain = ascent.stack.spec.look is None
    prefix = steering.name

    def look_up() -> None:
        bridge.check_interrupted()
        if finish.is_pressed and ascent.history:
            raise _FinishedError

    ended = ""
    with bridge.Progress(ascent.steps, console="Direct Ascent Optimize") as progress:
        try:
            progress.update(0)
            bridge.show_text(prefix + status.describe_start(ascent.stack))
            for done, step in enumerate(_take_steps(ascent, look_up), start=1):
                # If Finish now has abandoned a step, `_take_steps` yields the step before it once more.
                left_out = done > len(ascent.history)
                done = len(ascent.history)
                scores = step.record.scores if is_plain else {}
                last = left_out or done >= until or finish.is_pressed
                image = draw_sheet(step.stack) if previews.is_due(done, last) else None
                text = prefix + status.describe_step(done, scores)
                progress.update(done, image=image, text="" if steering.take_acts(ascent, last=last) else text)
                due = frame_every and done % frame_every == 0
                # A repeated step whose pictures were due has been kept already.
                if (last or due) and not (left_out and due):
                    kept.append(step.image().to(bridge.get_storage_device()))
                if last:
                    ended = status.describe_end(done, _score(ascent) if is_plain else {})
                    bridge.show_text(ended)
                    break
        except BaseException as error:  # a cancel is an Exception in ComfyUI 0.8.0, not in 0.33
            if bridge.is_interrupt(error):
                bridge.show_text(status.describe_cancel(len(ascent.history)))
            raise
    steering.tell(ascent)
    if len(ascent.history) < until:
        finish.note_change()
    return ended


def _score(ascent: Ascent) -> dict[str, float]:
    """Return the mean scores of the images that still climb, each seen once and whole."""
    scores = ascent.score(whole=True)
    return {name: fmean(each[image] for image in ascent.images) for name, each in scores.items()}


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
