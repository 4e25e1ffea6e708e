"""The gradient of one step: from pixels, where autograd begins, to views, answers and scores, and to the canvas."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..common.devices import make_constant, send_to_device
from ..common.interruption import interruptible_backward
from ..stack.linear_operator import StackOperator
from ..views.sampling import Pyramid
from .focus import Focus
from .pace import Pace
from .scoring import Scoring, score_term
from .shown_pixels import StepRenderer

Scores = tuple[Tensor, tuple[float, ...] | None]
"""The scores of some views or images, and the weight factors of their images; None if all are 1."""


class ScoreGradient:
    """A function from a canvas to the gradient of weighted scores; the focus weights that of groups with a judge."""

    def __init__(self, scoring: Scoring, focus: Focus | None = None) -> None:
        self.scoring = scoring
        self._renderer = StepRenderer(scoring, focus)

    def __call__(
        self, canvas: Tensor, step: int, pace: Pace, operator: StackOperator, chunk: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradient (B, 3, H, W) of the weighted sum, over objectives and images, of mean scores over views,
        balanced between groups; and the mean score of every objective, (), without its weight."""
        scoring = self.scoring
        cutoff = pace.cutoff(min(operator.canvas))

        def move(part: Tensor) -> Tensor:
            return scoring.support.restrict(operator.precondition(part, cutoff, pace.tilt))

        with torch.enable_grad():
            shown = self._renderer.render(canvas, step, pace.progress)
            scores: dict[str, list[Scores]] = {member.name: [] for member in scoring.plan.members}
            gradients, group_weights = [], []
            for number, group in enumerate(scoring.plan.groups):
                self._backpropagate(number, shown.pyramid, step, pace, scores, chunk)
                gradients.append(self._renderer.pull_back(number, shown, pace))
                group_weights.append(group.weigh(pace.progress, canvas.device))
        gradient = balance_gradients(gradients, group_weights, move, as_one=scoring.plan.is_series)
        return gradient, {name: _average(parts) for name, parts in scores.items()}

    def _backpropagate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, scores: dict[str, list[Scores]], chunk: int
    ) -> None:
        """Leave the gradient of the weighted scores of a group at the pixels in `pyramid`."""
        members = [(one, one.term.weight_at(pace.progress)) for one in self.scoring.plan.groups[number].members]
        device = pyramid.pixels.device
        with interruptible_backward(device):
            for outputs, images, count in self.scoring.evaluate(number, pyramid, step, pace, chunk):
                total, shown = torch.zeros((), dtype=torch.float32, device=device), images.tolist()
                for member, weight in members:
                    score = score_term(member.name, member.term, outputs[member.name], images)
                    factors = member.find_factors(shown)
                    scores[member.name].append((score.detach(), factors))
                    if factors is not None:
                        score = score * make_constant(factors, score.dtype, score.device)
                    total = total + weight * score.sum() / count
                # If the answer of a judge does not depend on its views, the total has no graph, and its gradient is 0.
                if total.requires_grad and any(weight for _, weight in members):
                    # Without `inputs`, tensors of an objective that require gradients would get some, too.
                    total.backward(inputs=pyramid.leaves)


def _average(parts: Sequence[Scores]) -> Tensor:
    """Return the mean of scores, (), float32, weighted by the absolute weight factors of their images."""
    scores = torch.cat([score for score, _ in parts]).float()
    factors = [abs(factor) for score, given in parts for factor in (given or (1.0,) * len(score))]
    if all(given is None for _, given in parts) or not any(factors):
        return scores.mean()
    weights = send_to_device(torch.tensor(factors, dtype=torch.float32) / sum(factors), scores.device)
    return scores @ weights


def balance_gradients(
    gradients: Sequence[Tensor],
    weights: Sequence[float | Tensor],
    move: Callable[[Tensor], Tensor],
    *,
    as_one: bool = False,
) -> Tensor:
    """Return the sum of the gradients (B, 3, H, W) of several groups, scaled so that their moves, by K, are as their
    weights. In each image (in all together with `as_one`), the first with a weight and a move keeps its size."""
    if len(gradients) == 1:
        return gradients[0]
    sizes = []
    dims = (0, 1, 2, 3) if as_one else (1, 2, 3)
    for gradient, weight in zip(gradients, weights, strict=True):
        size = move(gradient).square().sum(dim=dims, keepdim=True).sqrt()
        if isinstance(weight, Tensor):
            sizes.append(torch.where(weight > 0, size / weight, 0.0))
        else:
            sizes.append(size / weight if weight else torch.zeros_like(size))
    scale = torch.zeros_like(sizes[0])
    for size in sizes:
        scale = torch.where(scale == 0, size, scale)
    total = torch.zeros_like(gradients[0])
    for gradient, size in zip(gradients, sizes, strict=True):
        # A gradient whose move is 0 cannot be scaled: this would divide by 0.
        total = total + gradient * torch.where(size == 0, 0.0, scale / size)
    return total
