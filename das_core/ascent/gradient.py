"""The gradient of one step: from the canvas to pixels, views, answers of judges and scores, and back.

The autograd graph begins at the pixels of the whole canvas. The derivatives of the tanh and of the colour space are
applied by hand, and those of the levels by the operator of the stack (Direct Ascent Synthesis, arXiv 2502.07753,
section 3; the operator form is this project's).
"""

from typing import Any

import torch
from torch import Tensor

from ..common.interruption import interruptible_backward
from ..stack.linear_operator import StackOperator
from ..stack.pixels import pull_back_gradient, render_pixels
from ..views.pyramid import Pyramid
from .focus import Focus, measure_squared_distances
from .groups import balance_gradients
from .pace import Pace
from .scoring import Scoring, score_term


class ScoreGradient:
    """A function from the canvas to the gradient of the weighted score of some objectives there.

    Where there are several groups, their gradients are balanced first (`groups.balance_gradients`).

    Args:
        scoring: the scores, of the stack as it is before the ascent, on the device of the ascent.
        focus: the window under which gradients of judges count, for every group around the middle of its own region;
            None for none. An objective without a judge, such as a prior, acts on the whole canvas.
    """

    def __init__(self, scoring: Scoring, focus: Focus | None = None) -> None:
        self.scoring, self.focus = scoring, focus
        stack = scoring.stack
        self._distances = [
            measure_squared_distances(stack.spec.canvas, region.mask).to(stack.canvas.device)
            for region in (scoring.regions if focus else [])
        ]

    def __call__(
        self,
        canvas: Tensor,
        step: int,
        pace: Pace,
        operator: StackOperator[Any],
        chunk: int,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradient at the canvas and the mean score of every objective.

        Args:
            canvas: (B, 3, H, W), in the colour space of the stack, before the tanh.
            step: the number of the step, which the random draws of the views depend on.
            pace: the moment of the ascent.
            operator: the operator of the stack. The gradients of several groups are measured by the change of the
                canvas that it makes of them.
            chunk: how many views go through a judge at once. It changes memory and rounding: sums over views are taken
                chunk by chunk, and a model rounds differently for another number of views. Where images are compared it
                is brought to a multiple of their number.

        Returns:
            The gradient (B, 3, H, W): with one group that of the sum over the images of the weighted scores, each the
            mean over the views; with several the balanced sum of theirs (`balance_gradients`). And by name the scores,
            means over all views and images, not multiplied by their weights, each a tensor (), float32, on the device:
            reading them one by one would make the device wait for every one.
        """
        scoring = self.scoring
        color = scoring.stack.spec.color
        with torch.enable_grad():
            synthesised = render_pixels(canvas, color).detach()
            pyramid = Pyramid(scoring.stack.composite(synthesised).detach().requires_grad_())
            scores: dict[str, list[Tensor]] = {name: [] for group in scoring.groups for name, _ in group.members}
            gradients, group_weights = [], []
            for number, (group, region) in enumerate(zip(scoring.groups, scoring.regions, strict=True)):
                self._backpropagate(number, pyramid, step, pace, scores, chunk)
                # The mask of the region includes that of the surroundings, which is also the derivative of `composite`:
                # this line is both the region and the chain rule.
                gradient = pull_back_gradient(region.restrict(pyramid.take_gradient()), synthesised, color)
                if self.focus and group.judge is not None:
                    gradient = self.focus.weight(gradient, self._distances[number], pace.progress)
                gradients.append(gradient)
                group_weights.append(sum(abs(term.weight_at(pace.progress)) for _, term in group.members))
        cutoff = pace.cutoff(min(operator.canvas))
        gradient = balance_gradients(
            gradients,
            group_weights,
            lambda part: scoring.support.restrict(operator.precondition(part, cutoff, pace.tilt)),
        )
        return gradient, {name: torch.cat(parts).float().mean() for name, parts in scores.items()}

    def _backpropagate(
        self,
        number: int,
        pyramid: Pyramid,
        step: int,
        pace: Pace,
        scores: dict[str, list[Tensor]],
        chunk: int,
    ) -> None:
        """Add the gradient of a group's weighted score to the pyramid, and the scores of its members to `scores`."""
        group = self.scoring.groups[number]
        weights = {name: term.weight_at(pace.progress) for name, term in group.members}
        counts = any(weights.values())
        with interruptible_backward(pyramid.device):
            for outputs, images, count in self.scoring.evaluate(number, pyramid, step, pace, chunk):
                total = torch.zeros((), device=pyramid.device)
                for name, term in group.members:
                    score = score_term(name, term, outputs[name], images)
                    scores[name].append(score.detach())
                    total = total + weights[name] * score.sum() / count
                # Without a graph, where the answer of a judge does not depend on its views, the gradient is 0.
                if total.requires_grad and counts:
                    # To the canvas alone: an objective may ask a model whose weights still learn.
                    total.backward(inputs=pyramid.leaves)
