"""More and Larger: Optimize goes on, in the same run or from the run before, whose steps are not repeated."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...das_core.ascent.ascent import Ascent
from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.ascent.result import Record
from ...das_core.ascent.steering.acts import GoOn, TimedAct
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.render import enlarge_spec
from .. import bridge
from .steering import Steering


@dataclass(frozen=True, eq=False)
class Run:
    """A run that is over: which objects and settings it was made of, its acts, and what came of them.

    `histories` are the records of its ascents, each of which goes on from the one before; `stack` is that of the last.
    """

    inputs: tuple[weakref.ref[Any] | None, ...]
    settings: tuple[Any, ...]
    acts: tuple[TimedAct, ...]
    histories: tuple[tuple[Record, ...], ...]
    stack: ImageStack

    def restore(self, ascent: Ascent, steering: Steering) -> Ascent:
        """Return the last ascent of the run, as it was after its last step; `ascent` is the first one, not begun."""
        *earlier, last = self.histories
        for history in earlier:
            ascent.restore(ascent.stack, history)
            ascent = steering.go_on(ascent)
        ascent.restore(self.stack, last)
        return ascent


_last: list[Run] = []
"""The last run, if there was one: it is gone on with at once, or not at all."""


def remember(
    inputs: Sequence[Any], settings: tuple[Any, ...], steering: Steering, histories: Sequence[Any], ascent: Ascent
) -> ImageStack:
    """Keep a run until the next one, of its inputs only which objects they are; return its stack as it is kept."""
    refs = tuple(None if each is None else weakref.ref(each) for each in inputs)
    stack = ascent.stack.to(bridge.get_storage_device())
    _last[:] = [Run(refs, settings, (*steering.over, *ascent.acts), tuple(histories), stack)]
    return stack


def recall(inputs: Sequence[Any], settings: tuple[Any, ...], acts: Sequence[TimedAct]) -> Run | None:
    """Return the last run if the same inputs, settings and acts go on from it."""
    for run in _last:
        begins, end = len(run.acts), len(run.histories[-1])
        now = [None if ref is None else ref() for ref in run.inputs]
        # By identity: ComfyUI hands on the same objects, unless a node before this one has run again.
        same = [*map(id, now)] == [*map(id, inputs)] and settings == run.settings
        goes_on = len(acts) > begins and acts[begins] in ((end, GoOn(1)), (end, GoOn(2)))
        if same and goes_on and tuple(acts[:begins]) == run.acts:
            return run
    return None


def check_memory(ascent: Ascent, scale: int, frames: int) -> None:
    """Raise a ValueError when an ascent that goes on at `scale` times the size would not fit into the memory."""
    spec, batch = ascent.stack.spec, len(ascent.images)
    if scale > 1:
        spec = enlarge_spec(spec, scale)
    bridge.check_frame_memory(batch, spec.width, spec.height, ascent.steps, frames)
    needed = estimate_ascent_bytes(spec, batch, ascent.plan.groups, ascent.optimizer)
    what = f"an ascent of {batch} x {spec.width} x {spec.height}"
    bridge.make_room(needed, what, "choose one image of the batch, or leave it at this size")
