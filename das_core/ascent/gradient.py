"""The gradient of one step: from pixels to views, answers of judges and scores, and back.

The autograd graph begins at the pixels. The way between them and the canvas is in `shown_pixels`, and the derivatives
of the levels are applied by the operator of the stack (Direct Ascent Synthesis, arXiv 2502.07753, section 3; the
operator form is this project's).
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
"""The scores of some views, (V,), and for each view the weight factor of its image; None if all factors are 1."""


class ScoreGradient:
    """A function from a canvas to the gradient of the weighted score of some objectives at that canvas.

    Where there are several groups, their gradients are balanced first (`groups.balance_gradients`).

    Args:
        scoring: the scores, of the stack as it is before the ascent, on the device of the ascent.
        focus: the window that weights the gradients of judges, for every group centred on its own region; None for no
            window. It does not weight objectives without a judge, such as a prior.
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
            pace: the moment of the ascent.
            operator: the operator of the stack. It is only used to balance the gradients of several groups: they are
                compared by the changes of the canvas that it computes from them.
            chunk: how many views go through a judge at once. It changes memory and rounding: sums over views are taken
                chunk by chunk, and a model rounds differently for another number of views. For a group that compares
                images, it is rounded down to a multiple of the number of images, but not below that number.

        Returns:
            The gradient (B, 3, H, W), and the scores by the name of the objective.

            The gradient of a group is that of the weighted sum of its scores, where a score is averaged over the views
            of an image and summed over the images. It is weighted by the region masks and, if the group has a judge, by
            the window and the emphasis of the focus. With several groups, the result is the sum of their balanced
            gradients (`balance_gradients`). For a film, only the frames that views show in this step have a gradient
            from a judge; at the others it is 0.

            A score is the mean over all views and images, without the weight of the objective (but weighted by the
            factors of the images, if they differ). It is a tensor (), float32, still on the device, because every
            reading of a number makes the program wait for the device.
        """
        scoring = self.scoring
        with torch.enable_grad():
            shown = self._renderer.render(canvas, step)
            scores: dict[str, list[Scores]] = {name: [] for group in scoring.groups for name, _ in group.members}
            gradients, group_weights = [], []
            for number in range(len(scoring.groups)):
                self._backpropagate(number, shown.pyramid, step, pace, scores, chunk)
                gradients.append(self._renderer.pull_back(number, shown, pace))
                group_weights.append(scoring.weights.weigh_group(number, pace.progress))
        cutoff = pace.cutoff(min(operator.canvas))
        gradient = balance_gradients(
            gradients,
            group_weights,
            lambda part: scoring.support.restrict(operator.precondition(part, cutoff, pace.tilt)),
            as_one=scoring.film,
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
        """Add the gradient of a group's weighted score to the pyramid, and the scores of its members to `scores`."""
        group = self.scoring.groups[number]
        weights = {name: term.weight_at(pace.progress) for name, term in group.members}
        counts = any(weights.values())
        with interruptible_backward(pyramid.device):
            for outputs, images, count in self.scoring.evaluate(number, pyramid, step, pace, chunk):
                total = torch.zeros((), device=pyramid.device)
                shown = images.tolist()
                for name, term in group.members:
                    score = score_term(name, term, outputs[name], images)
                    factors = self.scoring.weights.find_factors(term, shown)
                    scores[name].append((score.detach(), factors))
                    if factors is not None:
                        score = score * make_constant(factors, score.dtype, score.device)
                    total = total + weights[name] * score.sum() / count
                # If the answer of a judge does not depend on its views, the total has no graph: its gradient is 0.
                if total.requires_grad and counts:
                    # For the pixels alone: an objective may ask a model whose weights require gradients, too.
                    total.backward(inputs=pyramid.leaves)


def _average(parts: Sequence[Scores]) -> Tensor:
    """Return the mean of scores, (), float32; weighted by the absolute factors of the images if these differ."""
    scores = torch.cat([score for score, _ in parts]).float()
    factors = [abs(factor) for score, given in parts for factor in (given or (1.0,) * len(score))]
    if all(given is None for _, given in parts) or not any(factors):
        return scores.mean()
    weights = send_to_device(torch.tensor(factors) / sum(factors), scores.device)
    return scores @ weights
