"""The loop of an ascent: one step after the other, with smaller chunks of views when memory runs out."""

import logging
from collections.abc import Callable

import torch

from ..common.modes import own_modes
from ..objectives.per_image import PerImageScore
from ..stack.image_stack import ImageStack
from .memory import CanvasMemoryError, is_out_of_memory
from .pace import Pace
from .plan import Plan
from .preparation import describe_mismatch
from .result import Record, Step
from .scoring import Scoring
from .step import AscentStep

_LOG = logging.getLogger(__name__)


class Loop:
    """Moves a stack by steps whose pace depends on how many are done; see `Ascent`, which makes and steers it."""

    def __init__(self, stack: ImageStack, step: AscentStep, find_pace: Callable[[int], Pace], chunk: int) -> None:
        self.stack, self.chunk = stack, chunk
        self.images = tuple(range(stack.batch))
        self.history: list[Record] = []
        self._step, self._find_pace = step, find_pace
        self._strength = stack.canvas.new_zeros(stack.batch, *stack.spec.canvas)

    @property
    def scoring(self) -> Scoring:
        """What scores the views of the next step."""
        return self._step.gradient.scoring

    @property
    def plan(self) -> Plan:
        """The terms of the objectives, in groups that share their views."""
        return self.scoring.plan

    def do_step(self) -> Step:
        """Do the next step, with smaller chunks if memory runs out."""
        while True:
            try:
                with own_modes(on_cpu=True):
                    return self._try_step()
            except CanvasMemoryError:
                raise  # What has no views needs it, so smaller chunks of views would not help.
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    if mismatch := describe_mismatch(self.plan.judges, self.stack.canvas.device):
                        raise ValueError(mismatch) from error
                    raise
                compares = any(group.compares_images for group in self.plan.groups)
                fewest = self.plan.timeline.count if compares else 1
                if self.chunk <= fewest:
                    seen = "one view" if fewest == 1 else f"{fewest} views"
                    raise torch.OutOfMemoryError(
                        f"memory ran out at step {self.stack.steps + 1}, with {seen} at a time: make the picture or "
                        "the batch smaller, give the stack fewer levels, take a smaller model, or load it in bf16"
                    ) from error
            # Outside of the `except` block: inside it, the error keeps the autograd graph of the failed step in memory.
            self.chunk = (self.chunk + 1) // 2

    def _try_step(self) -> Step:
        pace = self._find_pace(len(self.history))
        step, strength = self._step(self.stack, pace, self.chunk, is_first=not self.history)
        # Stored last, so that a step that is cancelled before this line changes nothing.
        self._strength, self.stack = self._strength + strength, step.stack
        self._warn_of(step.record)
        self.history.append(step.record)
        return step

    def _warn_of(self, record: Record) -> None:
        """Log which images stand still in a step for the first time."""
        for image in sorted(set(record.still).difference(*(earlier.still for earlier in self.history))):
            if image not in self.images:
                continue
            names: dict[str, None] = {}
            for member in self.plan.members:
                if member.find_factors([image]) != (0.0,):
                    score = member.term.score
                    each = score.names if isinstance(score, PerImageScore) else (member.name,)
                    names[f"'{each[image % len(each)]}'"] = None
            _LOG.warning(
                f"image {image + 1} of {self.stack.batch} stands still at step {record.step + 1}: the gradient of "
                f"{', '.join(names)} is zero there; the other images go on"
            )
