"""The gradient of one step: from the canvas to pixels, views, answers of judges and scores, and back.

The autograd graph begins at the pixels of the whole canvas. The derivatives of the tanh and of the colour space are
applied by hand, and those of the levels by the operator of the stack (Direct Ascent Synthesis, arXiv 2502.07753,
section 3; the operator form is this project's).
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..common.images import place_on_canvas
from ..models.layers.activations import ActivationJudge
from ..objectives.base import Term
from ..objectives.prior import CanvasPixels
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.pixels import pull_back_gradient, render_pixels
from ..views.augmentation import Augmentation
from ..views.draws import ViewKey
from ..views.geometry import ViewGeometry
from ..views.pyramid import Pyramid
from .evaluation import ViewEvaluation
from .focus import Focus, measure_squared_distances
from .groups import TermGroup, balance_gradients
from .pace import Pace
from .support import ActiveRegion, union_mask


class ScoreGradient:
    """A function from the canvas to the gradient of the weighted score of some objectives there.

    Where there are several groups, their gradients are balanced first (`groups.balance_gradients`).

    Args:
        stack: the stack as it is before the ascent, on the device of the ascent.
        groups: the objectives, as `groups.group_by_judge` groups them.
        regions: where each group acts.
        augmentation: how views are made.
        seed: what all random draws depend on, together with the number of the image, step, view and group.
        focus: the window under which gradients of judges count, for every group around the middle of its own region;
            None for none. An objective without a judge, such as a prior, acts on the whole canvas.

    Raises:
        ValueError: when the number of reference images is neither 1 nor that of the images of the stack, they belong
            to an objective whose judge does not answer with activations, or an objective compares the images of a stack
            of one.
    """

    def __init__(
        self,
        stack: ImageStack,
        groups: Sequence[TermGroup],
        regions: Sequence[ActiveRegion],
        augmentation: Augmentation,
        seed: int,
        focus: Focus | None = None,
    ) -> None:
        self.stack, self.groups, self.augmentation, self.seed = stack, groups, augmentation, seed
        for name, term in (member for group in groups for member in group.members):
            if term.compares_images and stack.batch < 2:
                raise ValueError(f"'{name}' compares the images of a batch, and there is one; make 2 or more")
        self.regions = [region.to(stack.canvas.device) for region in regions]
        self.support = ActiveRegion(union_mask(self.regions))
        self.focus = focus
        self._distances = [
            measure_squared_distances(stack.spec.canvas, region.mask).to(stack.canvas.device)
            for region in (self.regions if focus else [])
        ]
        self._references = {
            id(term): _place_references(name, term, stack) for group in groups for name, term in group.members
        }

    @property
    def fewest_views(self) -> int:
        """How many views go through a judge at once at least: 1, or one of every image where these are compared."""
        return self.stack.batch if any(group.compares_images for group in self.groups) else 1

    @cached_property
    def _start_pixels(self) -> Tensor:
        """What the stack showed before the ascent, which only objectives without a judge compare with."""
        return self.stack.composite(render_pixels(self.stack.start, self.stack.spec.color))

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
        color = self.stack.spec.color
        with torch.enable_grad():
            synthesised = render_pixels(canvas, color).detach()
            pyramid = Pyramid(self.stack.composite(synthesised).detach().requires_grad_())
            scores: dict[str, list[Tensor]] = {name: [] for group in self.groups for name, _ in group.members}
            gradients, group_weights = [], []
            for number, (group, region) in enumerate(zip(self.groups, self.regions, strict=True)):
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
            gradients, group_weights, lambda part: self.support.restrict(operator.precondition(part, cutoff))
        )
        return gradient, {name: torch.cat(parts).float().mean() for name, parts in scores.items()}

    def measure_scores(self, pixels: Tensor, pace: Pace, chunk: int) -> dict[str, Tensor]:
        """Return the score of every objective for every image, without gradients.

        All images are seen through the same views, so that their scores can be compared.

        Args:
            pixels: pixels of the canvas (B, 3, H, W), 0..1, margins included.
            pace: the moment that the views belong to.
            chunk: how many views go through a judge at once.

        Returns:
            By name the scores (B,), each the mean over the views, not multiplied by its weight. Of an objective with
            several terms it is the mean over the views of all of them.
        """
        batch, pyramid = len(pixels), Pyramid(pixels)
        found: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for number, group in enumerate(self.groups):
                scores: dict[str, list[Tensor]] = {name: [] for name, _ in group.members}
                shown = []
                for outputs, images, _ in self._evaluate(number, pyramid, 0, pace, chunk, alike=True):
                    shown.append(images)
                    for name, term in group.members:
                        scores[name].append(_score(name, term, outputs[name], images).float())
                for name, parts in scores.items():
                    if parts:
                        by_image = torch.cat(shown).argsort(stable=True).to(pixels.device)
                        found.setdefault(name, []).append(torch.cat(parts)[by_image].reshape(batch, -1))
        return {name: torch.cat(parts, dim=1).mean(dim=1) for name, parts in found.items()}

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
        group = self.groups[number]
        weights = {name: term.weight_at(pace.progress) for name, term in group.members}
        counts = any(weights.values())
        for outputs, images, count in self._evaluate(number, pyramid, step, pace, chunk):
            total = torch.zeros((), device=pyramid.device)
            for name, term in group.members:
                score = _score(name, term, outputs[name], images)
                scores[name].append(score.detach())
                total = total + weights[name] * score.sum() / count
            # Without a graph, where the answer of a judge does not depend on its views, the gradient is 0.
            if total.requires_grad and counts:
                # To the canvas alone: an objective may ask a model whose weights still learn.
                total.backward(inputs=pyramid.leaves)

    def _evaluate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, chunk: int, *, alike: bool = False
    ) -> Iterator[tuple[dict[str, Any], Tensor, int]]:
        """Yield for every chunk what each member of a group is given, by name; the images that its scores are of, (V,);
        and how many scores an image has in all.

        With `alike` the images of a batch are seen through the same views by a judge that is the same to all; else
        each has draws of its own.
        """
        group, region, spec = self.groups[number], self.regions[number], self.stack.spec
        if group.judge is None:
            canvas = CanvasPixels(pyramid.pixels, self._start_pixels, spec.margin)
            yield {name: canvas for name, _ in group.members}, torch.arange(len(pyramid.pixels)), 1
            return
        judge = group.judge.whole if alike else group.judge
        geometry = ViewGeometry(spec.canvas, spec.margin, judge.size, spec.tile, region.boxes)
        views = group.choose_views(self.augmentation.views, step)
        batch = len(pyramid.pixels)
        pairs = [(item, view) for item in range(batch) for view in views]
        if group.compares_images:
            # View by view, and as many of every image in a chunk, so that images meet.
            pairs = [(item, view) for view in views for item in range(batch)]
            chunk = max(chunk // batch, 1) * batch
        keys = [ViewKey(self.seed, 0 if alike else item, step, view, number, item) for item, view in pairs]
        for begin in range(0, len(keys), chunk):
            evaluation = ViewEvaluation(judge, self.augmentation, geometry, keys[begin : begin + chunk], pace)
            output = evaluation(pyramid)
            outputs = {
                name: evaluation.add_references(output, self._references[id(term)]) for name, term in group.members
            }
            yield outputs, torch.tensor([key.image for key in evaluation.keys]), len(views)


def _score(name: str, term: Term, output: Any, images: Tensor) -> Tensor:
    """Return the scores (V,) of a term, or raise a ValueError when it answers with anything else."""
    score, count = term.score_views(output, images), len(images)
    if not isinstance(score, Tensor) or score.shape != (count,) or not score.is_floating_point():
        found = f"{score.dtype}, {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        what = "image" if term.judge is None else "view"
        raise ValueError(
            f"'{name}' scores {count} {what}s with {found}; its `score` must return a float tensor ({count},), one "
            f"number for each {what}"
        )
    return score


def _place_references(name: str, term: Term, stack: ImageStack) -> tuple[Pyramid, ...]:
    """Return the canvases on which the reference images of a term are placed as a start image is."""
    spec, batch, device = stack.spec, stack.batch, stack.canvas.device
    images = term.reference_images
    if images and not isinstance(term.judge, ActivationJudge):
        raise ValueError(f"'{name}' compares with reference images, which takes a judge that tells its activations")
    canvases = []
    for image in images:
        if len(image) not in (1, batch):
            many = "" if batch == 1 else f" or {batch}"
            raise ValueError(f"{len(image)} images to compare with do not go with a stack of {batch}: use 1{many}")
        canvas = place_on_canvas(image.to(device), (spec.height, spec.width), spec.margin)
        canvases.append(Pyramid(canvas.expand(batch, -1, -1, -1)))
    return tuple(canvases)
