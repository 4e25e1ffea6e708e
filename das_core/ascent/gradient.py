"""The gradient of one step: from pixels to views, answers of judges and scores, and back.

The autograd graph begins at the pixels. The module `shown_pixels` takes the gradient from the pixels back to the
canvas. An optimizer then applies the operator of the stack, which contains the derivatives of the canvas with respect
to the levels (Direct Ascent Synthesis, arXiv 2502.07753, section 3; the form as an operator is this project's idea).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..common.devices import make_constant, send_to_device
from ..common.interruption import interruptible_backward
from ..stack.linear_operator import StackOperator
from ..views.pyramid import Pyramid
from .focus import Focus
from .groups import balance_gradients
from .pace import Pace
from .scoring import Scoring
from .shown_pixels import StepRenderer
from .terms import score_term

Scores = tuple[Tensor, tuple[float, ...] | None]
"""The scores of some views, (V,), and for each view the weight factor of the image that it shows. None in place of the
factors means that all are 1. If a term has no judge, there is a score and a factor for each image instead."""


class ScoreGradient:
    """A function from a canvas to the gradient of the weighted scores of some objectives at that canvas.

    If there are several groups of objectives, their gradients are balanced and added (`groups.balance_gradients`).

    Args:
        scoring: the `Scoring` of the objectives, made from the stack before the ascent, on the device of the ascent.
        focus: the focus, whose Gaussian and emphasis are applied to the gradient of every group that has a judge. The
            Gaussian is centred on the region of the group. None for no focus. The gradients of objectives without a
            judge, such as a prior, are not changed by it.
    """

    def __init__(self, scoring: Scoring, focus: Focus | None = None) -> None:
        self.scoring = scoring
        self._renderer = StepRenderer(scoring, focus)

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
            pace: the pace of the step.
            operator: the operator of the stack. If there are several groups, it computes the change of the canvas that
                the gradient of each group would cause; the gradients are balanced by these changes.
            chunk: how many views go through a judge at once. A smaller chunk takes less memory. The chunk also changes
                the rounding: sums over views are taken chunk by chunk, and a model rounds differently for another
                number of views. For a group that compares images, the chunk is rounded down to a multiple of the number
                of images, but not below that number.

        Returns:
            The gradient (B, 3, H, W), and the score of every objective by its name.

            The gradient of a group is the gradient of a weighted sum over its objectives and over the images. Each
            summand is the score of an objective, averaged over the views of an image, times the weight of the objective
            and the weight factor of the image. (For a film or a zoom, the sum over the views of an image is divided by
            the mean number of views of an image.) The gradient of a group is then multiplied by the region masks and
            the mask of the stack. If the group has a judge and there is a focus, it is also multiplied by the Gaussian
            of the focus, and emphasised (`Focus.weight`).
            With several groups, the result is the sum of their balanced gradients (`balance_gradients`). For a film,
            judges give a gradient only to the frames that views show in this step; it is 0 at the other frames.

            The score of an objective is the mean over all views and images, without the weight of the objective. If the
            images have different weight factors, the mean is weighted by their absolute values. A score is a tensor (),
            float32. It stays on the device, because reading a number makes the program wait for the device.
        """
        scoring = self.scoring
        with torch.enable_grad():
            shown = self._renderer.render(canvas, step)
            scores: dict[str, list[Scores]] = {member.name: [] for member in scoring.plan.members}
            gradients, group_weights = [], []
            for number in range(len(scoring.plan.groups)):
                self._backpropagate(number, shown.pyramid, step, pace, scores, chunk)
                gradients.append(self._renderer.pull_back(number, shown, pace))
                group_weights.append(scoring.plan.groups[number].weigh(pace.progress, canvas.device))
        cutoff = pace.cutoff(min(operator.canvas))
        gradient = balance_gradients(
            gradients,
            group_weights,
            lambda part: scoring.support.restrict(operator.precondition(part, cutoff, pace.tilt)),
            as_one=scoring.plan.is_series,
        )
        return gradient, {name: _average(parts) for name, parts in scores.items()}

    def _backpropagate(
        self,
        number: int,
        pyramid: Pyramid,
        step: int,
        pace: Pace,
        scores: dict[str, list[Scores]],
        chunk: int,
    ) -> None:
        """Compute the gradient of the weighted scores of group `number` at the pixels in `pyramid`, and leave it
        there."""
        members = [(one, one.term.weight_at(pace.progress)) for one in self.scoring.plan.groups[number].members]
        counts = any(weight for _, weight in members)
        with interruptible_backward(pyramid.device):
            for outputs, images, count in self.scoring.evaluate(number, pyramid, step, pace, chunk):
                total = torch.zeros((), dtype=torch.float32, device=pyramid.device)
                shown = images.tolist()
                for member, weight in members:
                    score = score_term(member.name, member.term, outputs[member.name], images)
                    factors = member.find_factors(shown)
                    scores[member.name].append((score.detach(), factors))
                    if factors is not None:
                        score = score * make_constant(factors, score.dtype, score.device)
                    total = total + weight * score.sum() / count
                # If the answer of a judge does not depend on its views, the total has no graph, and its gradient is 0.
                if total.requires_grad and counts:
                    # `inputs` limits the gradients to the pixels. Without it, tensors of an objective that require
                    # gradients would get gradients, too.
                    total.backward(inputs=pyramid.leaves)


def _average(parts: Sequence[Scores]) -> Tensor:
    """Return the mean of scores, (), float32, weighted by the absolute weight factors of their images."""
    scores = torch.cat([score for score, _ in parts]).float()
    factors = [abs(factor) for score, given in parts for factor in (given or (1.0,) * len(score))]
    if all(given is None for _, given in parts) or not any(factors):
        return scores.mean()
    weights = send_to_device(torch.tensor(factors, dtype=torch.float32) / sum(factors), scores.device)
    return scores @ weights
