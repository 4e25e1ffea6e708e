"""The loop: a stack is shown through views to judges, and climbs.

Direct Ascent Synthesis (Fort and Whitaker, 2025, arXiv 2502.07753, section 3). The gradient of the score is taken at
the pixels, carried to the canvas by hand (tanh and colours), and handed to an optimizer, which knows the operator of
the stack. Nothing outside this file knows about time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .augment import Augmentation, Windows
from .draws import ViewKey
from .ensemble import Group, balanced, grouped, named
from .importance import gradient_strength, importance_mask
from .look import Look
from .objectives.base import Objective
from .objectives.prior import Canvas
from .objectives.wrapped import weight_at
from .operator import Operator, Parameters
from .optimizers import Optimizer, State, UnitAscent
from .places import Place, anywhere, place_of
from .record import Record, Result, Step, check_gradient
from .schedule import Pace, Schedule, pace_at
from .stack import ImageStack, crop, pixel_gradient, pixels

# On a CPU the activations of a few views stay in its caches, and are not handed back to the system after every pass;
# a GPU wants more to do at a time. Measured with EfficientNet-Lite0 (benchmarks/speed.py).
_CPU_CHUNK, _GPU_CHUNK = 4, 16


class Ascent:
    """An ascent of a stack under some objectives. Iterate over it for its steps, then read `result`.

    Draws belong to (seed, image, step, view), so `chunk`, the number of views that go through a judge at once (0: as
    suits the device), only bounds memory. When memory runs out the chunk is halved and the step done again. `result`
    can be read after any step, also after an iteration that was broken off or ended in an AscentError.

    Of a stack with a mask, and under regions, only what is masked moves, and views are drawn there (`places`).

    Objectives that ask the same model add up as their scores do. Where several models are asked, the gradient of each
    is brought to the same scale first (`ensemble.balanced`), so that a weight counts alike whichever model it is for.
    What a model says in the end and what goes on in its layers are asked as if of two models.
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
        default = Augmentation(windows=Windows(jitter=min(Windows.jitter, margin)))
        self.augmentation = augmentation or default
        reach = self.augmentation.windows.region(stack.spec.canvas, margin, tile=stack.spec.tile)
        self.optimizer: Optimizer = optimizer or UnitAscent()
        self.objectives = named(objectives)
        self.groups = grouped(self.objectives)
        self.places = [place_of(group.regions, stack, reach, viewed=group.judge is not None) for group in self.groups]
        self.steps, self.schedule, self.seed = steps, schedule, seed
        self.device = device or stack.canvas.device
        self.chunk = chunk or (_CPU_CHUNK if self.device.type == "cpu" else _GPU_CHUNK)
        self.history: list[Record] = []
        self.stack = stack
        self._strength = stack.canvas.new_zeros(stack.batch, *stack.spec.canvas)

    @property
    def result(self) -> Result:
        """What the ascent has come to so far."""
        gathered = crop(self._strength[:, None], self.stack.spec.margin)[:, 0]
        return Result(self.stack.image(), self.stack, tuple(self.history), importance_mask(gathered))

    def __iter__(self) -> Iterator[Step]:
        self.stack = stack = _prepared(self.stack.to(self.device), self.optimizer)
        operator = stack.spec.operator(self.device)
        first = stack.steps
        self.places = [place.to(self.device) for place in self.places]
        state = State(stack.start, stack.canvas, stack.drive, stack.momentum, anywhere(self.places))
        for step in range(self.steps):
            pace = pace_at(step, self.steps, self.schedule, self.optimizer.coarse)
            weights = {name: weight_at(objective, pace.done) for name, objective in self.objectives}
            gradient, scores = self._gradient(state.canvas, first + step, pace, weights, operator)
            record = Record(first + step, scores, float(gradient.norm()))
            check_gradient(gradient, record, weights, begun=bool(self.history))
            state = self.optimizer.step(state, gradient, operator, pace)
            self.history.append(record)
            self._strength = self._strength.to(self.device) + gradient_strength(gradient)
            self.stack = replace(
                stack, canvas=state.canvas, drive=state.parameters, momentum=state.momentum, steps=first + step + 1
            )
            yield Step(record, self.stack)

    def _gradient(
        self, canvas: Tensor, step: int, pace: Pace, weights: Mapping[str, float], operator: Operator
    ) -> tuple[Tensor, dict[str, float]]:
        """The gradient of the weighted score at the canvas (B, 3, H, W), and the mean score of every objective."""
        while True:
            try:
                return self._gradient_in_chunks(canvas, step, pace, weights, operator)
            except torch.OutOfMemoryError:
                if self.chunk == 1:
                    raise
            # Outside the handler, so that the failed graph is no longer referenced when the step is done again.
            self.chunk = (self.chunk + 1) // 2

    def _gradient_in_chunks(
        self, canvas: Tensor, step: int, pace: Pace, weights: Mapping[str, float], operator: Operator
    ) -> tuple[Tensor, dict[str, float]]:
        spec = self.stack.spec
        with torch.enable_grad():
            plain = pixels(canvas, spec.color).detach()
            shown = self.stack.around(plain).detach().requires_grad_()
            scores = {name: torch.zeros((), device=canvas.device) for name, _ in self.objectives}
            gradients, sizes = [], []
            for number, (group, place) in enumerate(zip(self.groups, self.places, strict=True)):
                asked = any(weights[name] for name, _ in group.members)
                for output, count in self._outputs(group, place, shown, step, pace, number):
                    total = torch.zeros((), device=canvas.device)
                    for name, objective in group.members:
                        score = objective.score(output).sum() / count
                        scores[name] += score.detach() / canvas.shape[0]
                        total = total + weights[name] * score
                    # A judge that never looks at its views leaves no graph, which is one way to vanish.
                    if total.requires_grad and asked:
                        total.backward()
                seen = torch.zeros_like(shown) if shown.grad is None else shown.grad
                shown.grad = None
                gradients.append(pixel_gradient(place.confined(seen), plain, spec.color))
                sizes.append(sum(abs(weights[name]) for name, _ in group.members))
        cutoff = pace.cutoff(min(operator.canvas))
        everywhere = Place(anywhere(self.places))
        gradient = balanced(gradients, sizes, lambda part: everywhere.confined(operator.apply(part, cutoff)))
        return gradient, {name: float(score) for name, score in scores.items()}

    def _outputs(
        self, group: Group, place: Place, shown: Tensor, step: int, pace: Pace, number: int
    ) -> Iterator[tuple[Any, int]]:
        """What a group's objectives are given, chunk after chunk, and how many scores there are of an image."""
        if group.judge is None:
            yield Canvas(shown, self.stack.around(pixels(self.stack.start, self.stack.spec.color))), 1
            return
        batch, views = shown.shape[0], self.augmentation.views
        keys = [ViewKey(self.seed, item, step, view, number) for item in range(batch) for view in range(views)]
        for begin in range(0, len(keys), self.chunk):
            part = keys[begin : begin + self.chunk]
            look = Look(group.judge, self.augmentation, self.stack.spec, part, pace, place.boxes)
            yield look(shown), views


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
