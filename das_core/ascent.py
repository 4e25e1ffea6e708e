"""The loop: a stack is shown through views to judges, and climbs.

Direct Ascent Synthesis (Fort and Whitaker, 2025, arXiv 2502.07753, section 3). The gradient of the score is taken at
the pixels, carried to the canvas by hand (tanh and colours), and handed to an optimizer, which knows the operator of
the stack. Nothing outside this file knows about time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from .augment import Augmentation, Windows
from .draws import Draws, ViewKey
from .models.judge import Judge
from .objectives.base import Objective
from .operator import Parameters
from .optimizers import Optimizer, State, UnitAscent
from .schedule import Pace, Schedule, pace_at
from .stack import ImageStack, pixel_gradient, pixels


class AscentError(ValueError):
    """An ascent that cannot go on; the run's result still holds the last good image."""


@dataclass(frozen=True)
class Record:
    """What one step measured before it moved: mean scores by objective, and the norm of the gradient at the canvas."""

    step: int
    scores: dict[str, float]
    gradient_norm: float


@dataclass(frozen=True)
class Step:
    """One step done: its record, and the stack after it."""

    record: Record
    stack: ImageStack

    def image(self) -> Tensor:
        """The picture (B, 3, height, width), 0..1, rendered when asked for."""
        return self.stack.image()


@dataclass(frozen=True)
class Result:
    """What an ascent came to: the picture, the stack it can be continued from, and the record of every step."""

    image: Tensor
    stack: ImageStack
    history: tuple[Record, ...]


class Ascent:
    """An ascent of a stack under some objectives. Iterate over it for its steps, then read `result`.

    Draws belong to (seed, image, step, view), so `chunk`, the number of views that go through a judge at once (0: all),
    only bounds memory. When memory runs out the chunk is halved and the step done again. `result` can be read after any
    step, also after an iteration that was broken off or ended in an AscentError.
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
        chunk: int = 16,
        device: torch.device | None = None,
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps {steps} is too few; at least 1 is needed, and 100 make a good picture")
        if seed < 0:
            raise ValueError(f"seed {seed} is negative; any whole number from 0 up is a seed")
        if chunk < 0:
            raise ValueError(f"chunk {chunk} is negative; 0 shows all views at once, 16 at most 16 of them")
        if not objectives:
            raise ValueError("no objective is connected, so there is nothing to climb; connect at least one")
        if not any(objective.weight for objective in objectives):
            raise ValueError("the weights of all objectives are 0, so there is nothing to climb; raise one above 0")
        margin = stack.spec.margin
        # Without an augmentation of its own, views reach as far as the stack lets them.
        default = Augmentation(windows=Windows(jitter=min(Windows.jitter, margin)))
        self.augmentation = augmentation or default
        self.augmentation.windows.region(stack.spec.canvas, margin)
        self.optimizer: Optimizer = optimizer or UnitAscent()
        self.objectives = _named(objectives)
        self.steps, self.schedule, self.seed = steps, schedule, seed
        self.chunk = chunk or self.augmentation.views * stack.batch
        self.device = device or stack.canvas.device
        self.history: list[Record] = []
        self.stack = stack

    @property
    def result(self) -> Result:
        """What the ascent has come to so far."""
        return Result(self.stack.image(), self.stack, tuple(self.history))

    def __iter__(self) -> Iterator[Step]:
        self.stack = stack = _prepared(self.stack.to(self.device), self.optimizer)
        operator = stack.spec.operator(self.device)
        first = stack.steps
        state = State(stack.start, stack.canvas, stack.drive, stack.momentum)
        for step in range(self.steps):
            pace = pace_at(step, self.steps, self.schedule, self.optimizer.coarse)
            gradient, scores = self._gradient(state.canvas, first + step, pace)
            record = Record(first + step, scores, float(gradient.norm()))
            self._check(gradient, record)
            state = self.optimizer.step(state, gradient, operator, pace)
            self.history.append(record)
            self.stack = replace(
                stack, canvas=state.canvas, drive=state.parameters, momentum=state.momentum, steps=first + step + 1
            )
            yield Step(record, self.stack)

    def _gradient(self, canvas: Tensor, step: int, pace: Pace) -> tuple[Tensor, dict[str, float]]:
        """The gradient of the weighted score at the canvas (B, 3, H, W), and the mean score of every objective."""
        while True:
            try:
                return self._gradient_in_chunks(canvas, step, pace)
            except torch.OutOfMemoryError:
                if self.chunk == 1:
                    raise
            # Outside the handler, so that the failed graph is no longer referenced when the step is done again.
            self.chunk = (self.chunk + 1) // 2

    def _gradient_in_chunks(self, canvas: Tensor, step: int, pace: Pace) -> tuple[Tensor, dict[str, float]]:
        spec = self.stack.spec
        batch, views = canvas.shape[0], self.augmentation.views
        with torch.enable_grad():
            shown = pixels(canvas, spec.color).detach().requires_grad_()
            scores = {name: torch.zeros((), device=canvas.device) for name, _ in self.objectives}
            for number, (judge, objectives) in enumerate(self._by_judge()):
                keys = [ViewKey(self.seed, item, step, view, number) for item in range(batch) for view in range(views)]
                for begin in range(0, len(keys), self.chunk):
                    draws = Draws(keys[begin : begin + self.chunk], canvas.device, pace.opening)
                    output = judge(self.augmentation(shown, spec.margin, draws, judge.size))
                    total = torch.zeros((), device=canvas.device)
                    for name, objective in objectives:
                        score = objective.score(output).sum() / views
                        scores[name] += score.detach() / batch
                        total = total + objective.weight * score
                    # A judge that never looks at its views leaves no graph, which is one way to vanish.
                    if total.requires_grad:
                        total.backward()
        seen = torch.zeros_like(shown) if shown.grad is None else shown.grad
        gradient = pixel_gradient(seen, shown.detach(), spec.color)
        return gradient, {name: float(score) for name, score in scores.items()}

    def _by_judge(self) -> list[tuple[Judge, list[tuple[str, Objective]]]]:
        """The objectives grouped by the model they ask, so that every view goes through a model once."""
        order = {id(o.judge.module): n for n, (_, o) in reversed(list(enumerate(self.objectives)))}
        ranked = sorted(self.objectives, key=lambda pair: order[id(pair[1].judge.module)])
        groups = groupby(ranked, key=lambda pair: id(pair[1].judge.module))
        grouped = [list(members) for _, members in groups]
        return [(members[0][1].judge, members) for members in grouped]

    def _check(self, gradient: Tensor, record: Record) -> None:
        """AscentError when a gradient leads nowhere."""
        where = f"step {record.step + 1}"
        last = f"the last good image is that of step {record.step}" if self.history else "there is no good image yet"
        if not bool(torch.isfinite(gradient).all()):
            broken = [name for name, score in record.scores.items() if not abs(score) < float("inf")]
            names = ", ".join(f"'{name}'" for name in broken or record.scores)
            raise AscentError(
                f"the gradient of {names} is not a number at {where}; {last}. Lower the step size or learning rate, "
                "or load the model in fp32"
            )
        if not bool(gradient.flatten(1).any(dim=1).all()):
            names = ", ".join(f"'{name}'" for name in record.scores)
            raise AscentError(
                f"the gradient of {names} vanished at {where}: no change of the picture changes the score; {last}. "
                "Use the logit instead of a probability, a smaller step or learning rate, or a start that is not pure "
                "black or white"
            )


def _named(objectives: Sequence[Objective]) -> list[tuple[str, Objective]]:
    """Objectives with names that differ: the second 'cat' is 'cat (2)'."""
    named: list[tuple[str, Objective]] = []
    for objective in objectives:
        same = sum(other.name == objective.name for _, other in named)
        named.append((objective.name + (f" ({same + 1})" if same else ""), objective))
    return named


def _prepared(stack: ImageStack, optimizer: Optimizer) -> ImageStack:
    """The stack with the parameters that the optimizer moves: explicit levels for one that needs them."""
    spec = stack.spec
    if optimizer.needs_layers and spec.method != "layers":
        spec = replace(spec, method="layers")
        stack = replace(stack, spec=spec, drive=None if stack.drive is None else stack.levels())
    if stack.drive is None and (optimizer.needs_layers or stack.steps == 0):
        stack = replace(stack, start=stack.canvas, drive=_no_drive(stack))
    return stack


def _no_drive(stack: ImageStack) -> Parameters:
    """Parameters of nothing added yet."""
    return stack.spec.operator(stack.canvas.device).pull(torch.zeros_like(stack.canvas))
