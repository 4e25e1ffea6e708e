"""The loop: a stack is shown through views to judges, and climbs.

Direct Ascent Synthesis (Fort and Whitaker, 2025, arXiv 2502.07753, section 3). Each step takes the gradient of the
score at the canvas (`gradient`) and hands it to an optimizer (`optimizers`), which moves the stack.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..models.judge import Judge
from ..objectives.base import Objective
from ..stack.decomposition import read_levels
from ..stack.image_stack import ImageStack, crop_margin
from ..stack.state import LevelTensors
from ..views.augmentation import Augmentation
from ..views.windows import Windows
from .ensemble import group_by_judge, name_objectives
from .gradient import ScoreGradient
from .optimizers import NormalizedAscent, Optimizer
from .pace import Pace, Schedule, pace_at
from .result import Record, Result, Step, check_gradient, make_importance_mask, measure_gradient_strength
from .support import active_region

# On a CPU the activations of a few views stay in its caches, and are not handed back to the system after every pass;
# a GPU wants more to do at a time. Measured with EfficientNet-Lite0 (benchmarks/speed.py).
_CPU_CHUNK, _GPU_CHUNK = 4, 16


class Ascent:
    """An ascent of a stack under some objectives.

    Call `run`, or iterate to see every step, then read `result`. An ascent runs once: an iteration that was broken off,
    or that ended in an AscentError, goes on where it stopped when iterated again, and after the last step there is
    nothing left to do. `result` can be read at any time.

    Objectives that ask the same model add up as their scores do. Where several models are asked, the gradient of each
    is brought to the same scale first (`ensemble.balance_gradients`), so that a weight counts alike whichever model it
    is for. What a model says in the end and what goes on in its layers are asked as if of two models. Of a stack with a
    mask, and under regions, only what is masked moves, and views are drawn there (`support`).

    Random draws belong to (seed, image, step, view): another chunk or batch size sees the same views.

    Args:
        stack: what climbs; it is left as it is. A stack that has climbed before goes on from where it is.
        objectives: what is asked for; at least one, with a weight other than 0.
        augmentation: how the judges see the canvas; by default 16 views that reach as far as the margin lets them.
        steps: how many steps; 100 make a good picture.
        optimizer: how a gradient moves the stack; `NormalizedAscent` by default.
        schedule: `cosine` shrinks the steps toward the end, `constant` does not.
        seed: what all random draws depend on, from 0 up.
        chunk: how many views go through a judge at once (0: as suits the device). It bounds memory and changes nothing
            but rounding; when memory runs out it is halved and the step done again.
        device: where to compute; that of the stack by default. Judges must be there already.

    Raises:
        ValueError: a setting is out of range, or a region does not fit the stack.

    Example:
        >>> from das_core import Ascent, ClassObjective, ImageStack, StackSpec, load_starter
        >>> classifier = load_starter()
        >>> stack = ImageStack.grey(StackSpec(width=64, height=64, margin=16))
        >>> result = Ascent(stack, [ClassObjective.from_text(classifier, "jellyfish")], steps=2).run()
        >>> result.image.shape
        torch.Size([1, 3, 64, 64])
        >>> result.history[1].scores["jellyfish"] > result.history[0].scores["jellyfish"]
        True
    """

    def __init__(
        self,
        stack: ImageStack,
        objectives: Sequence[Objective],
        augmentation: Augmentation | None = None,
        *,
        steps: int = 100,
        optimizer: Optimizer | None = None,
        schedule: Schedule = "cosine",
        seed: int = 0,
        chunk: int = 0,
        device: torch.device | None = None,
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps {steps} is too few; at least 1 is needed, and 100 make a good picture")
        if seed < 0:
            raise ValueError(f"seed {seed} is negative; any whole number from 0 up is a seed")
        if chunk < 0:
            raise ValueError(f"chunk {chunk} is negative; 0 suits the device, 16 shows at most 16 views at once")
        if not objectives:
            raise ValueError("no objective is connected, so there is nothing to climb; connect at least one")
        if not any(objective.weight for objective in objectives):
            raise ValueError("the weights of all objectives are 0, so there is nothing to climb; raise one above 0")
        margin = stack.spec.margin
        # Without an augmentation of its own, views reach as far as the stack lets them.
        self.augmentation = augmentation or Augmentation(windows=Windows(jitter=min(Windows.jitter, margin)))
        self.optimizer: Optimizer = optimizer or NormalizedAscent()
        self.steps, self.schedule, self.seed = steps, schedule, seed
        self.device = device or stack.canvas.device
        self.chunk = chunk or (_CPU_CHUNK if self.device.type == "cpu" else _GPU_CHUNK)
        self.history: list[Record] = []

        self.objectives = name_objectives(objectives)
        groups = group_by_judge(self.objectives)
        reach = self.augmentation.windows.reach(stack.spec.canvas, margin, tile=stack.spec.tile)
        regions = [active_region(group.regions, stack, reach, viewed=group.judge is not None) for group in groups]
        self.stack = _prepare_stack(stack.to(self.device), self.optimizer)
        self._operator = self.stack.spec.operator(self.device)
        self._gradient = ScoreGradient(self.stack, groups, regions, self.augmentation, seed)
        self._strength = self.stack.canvas.new_zeros(stack.batch, *stack.spec.canvas)

    def __iter__(self) -> Iterator[Step]:
        while len(self.history) < self.steps:
            yield self._do_step()

    def run(self) -> Result:
        """Do all steps that are left and return what the ascent has come to.

        Raises:
            AscentError: a gradient vanished or is not a number; `result` still holds the last good image.
        """
        for _ in self:
            pass
        return self.result

    @property
    def judges(self) -> list[Judge]:
        """The models that are asked; they must be on the device of the ascent when it runs."""
        return [group.judge for group in self._gradient.groups if group.judge is not None]

    @property
    def result(self) -> Result:
        """What the ascent has come to so far."""
        strength = crop_margin(self._strength[:, None], self.stack.spec.margin)[:, 0]
        return Result(self.stack.image(), self.stack, tuple(self.history), make_importance_mask(strength))

    def _do_step(self) -> Step:
        stack, step = self.stack, self.stack.steps
        pace = pace_at(len(self.history), self.steps, self.schedule, self.optimizer.coarse_share)
        weights = {name: objective.weight_at(pace.progress) for name, objective in self.objectives}
        gradient, scores = self._compute_gradient(stack.canvas, step, pace, weights)
        record = Record(step, scores, float(gradient.norm()))
        check_gradient(gradient, record, weights, is_first=not self.history)
        moved = self.optimizer.step(stack, gradient, self._operator, pace, self._gradient.support.mask)
        self._strength = self._strength + measure_gradient_strength(gradient)
        self.stack = replace(moved, steps=step + 1)
        self.history.append(record)
        return Step(record, self.stack)

    def _compute_gradient(
        self, canvas: Tensor, step: int, pace: Pace, weights: dict[str, float]
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the gradient at the canvas and the scores, in smaller chunks when memory runs out."""
        while True:
            try:
                return self._gradient(canvas, step, pace, weights, self._operator, self.chunk)
            except torch.OutOfMemoryError:
                if self.chunk == 1:
                    raise
            # Outside the handler, so that the failed graph is no longer referenced when the step is done again.
            self.chunk = (self.chunk + 1) // 2


def _prepare_stack(stack: ImageStack, optimizer: Optimizer) -> ImageStack:
    """Return the stack with the parameters that the optimizer moves: levels as tensors for one that needs them."""
    spec = stack.spec
    if optimizer.needs_levels and spec.method != "layers":
        spec = replace(spec, method="layers")
        levels = None if stack.parameters is None else LevelTensors(read_levels(stack))
        stack = replace(stack, spec=spec, parameters=levels)
    if stack.parameters is None and (optimizer.needs_levels or stack.steps == 0):
        nothing = spec.operator(stack.canvas.device).adjoint(torch.zeros_like(stack.canvas))
        stack = replace(stack, start=stack.canvas, parameters=nothing)
    return stack
