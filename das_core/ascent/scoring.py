"""Scores of objectives: from the pixels of a canvas to views, answers of judges and scores.

An ascent climbs them (`gradient`); pictures are compared by them (`report.objective_scores`).
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..common.images import place_on_canvas
from ..common.interruption import pausing
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge
from ..objectives.base import Term
from ..objectives.prior import CanvasPixels
from ..stack.image_stack import ImageStack
from ..stack.pixels import render_pixels
from ..views.augmentation import Augmentation
from ..views.draws import ViewKey
from ..views.geometry import ViewGeometry
from ..views.pyramid import Pyramid
from .evaluation import ViewEvaluation
from .groups import NamedObjective, group_by_judge
from .pace import Pace
from .support import ActiveRegion, active_region, union_mask


class Scoring:
    """The scores of some objectives for pictures of one size, on one device.

    Args:
        stack: what says the size, the margin, what may change, and what a picture started from.
        objectives: the objectives and their names.
        augmentation: how views are made.
        seed: what all random draws depend on, together with the number of the image, step, view and group.

    Attributes:
        groups: the terms of the objectives, those that share their views together.
        regions: where each group acts.
        support: where any group acts.
        stack, augmentation, seed: as given.

    Raises:
        ValueError: when region masks or reference images do not fit the stack, reference images belong to a term whose
            judge does not answer with activations, or a term compares the images of a stack of one.
    """

    def __init__(
        self, stack: ImageStack, objectives: Sequence[NamedObjective], augmentation: Augmentation, seed: int
    ) -> None:
        self.stack, self.augmentation, self.seed = stack, augmentation, seed
        self.groups = group_by_judge(objectives)
        spec = stack.spec
        reach = augmentation.windows.reach(spec.canvas, spec.margin, tile=spec.tile)
        regions = [active_region(group.regions, stack, reach, viewed=group.judge is not None) for group in self.groups]
        self.regions = [region.to(stack.canvas.device) for region in regions]
        self.support = ActiveRegion(union_mask(self.regions))
        for name, term in (member for group in self.groups for member in group.members):
            if term.compares_images and stack.batch < 2:
                raise ValueError(f"'{name}' compares the images of a batch, and there is one; make 2 or more")
        self._references = {
            id(term): _place_references(name, term, stack) for group in self.groups for name, term in group.members
        }

    @property
    def judges(self) -> list[Judge]:
        """The judge of every group that has one."""
        return [group.judge for group in self.groups if group.judge is not None]

    @property
    def fewest_views(self) -> int:
        """How many views go through a judge at once at least: 1, or one of every image where these are compared."""
        return self.stack.batch if any(group.compares_images for group in self.groups) else 1

    @cached_property
    def _start_pixels(self) -> Tensor:
        """What the stack showed before the ascent, which only objectives without a judge compare with."""
        return self.stack.composite(render_pixels(self.stack.start, self.stack.spec.color))

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
                for outputs, images, _ in self.evaluate(number, pyramid, 0, pace, chunk, alike=True):
                    shown.append(images)
                    for name, term in group.members:
                        scores[name].append(score_term(name, term, outputs[name], images).float())
                for name, parts in scores.items():
                    if parts:
                        by_image = torch.cat(shown).argsort(stable=True).to(pixels.device)
                        found.setdefault(name, []).append(torch.cat(parts)[by_image].reshape(batch, -1))
        return {name: torch.cat(parts, dim=1).mean(dim=1) for name, parts in found.items()}

    def evaluate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, chunk: int, *, alike: bool = False
    ) -> Iterator[tuple[dict[str, Any], Tensor, int]]:
        """Show the views of a group to its judge, chunk by chunk.

        Args:
            number: which group, from 0.
            pyramid: the pixels of the canvases.
            step: the number of the step, which the random draws depend on.
            pace: the moment of the ascent.
            chunk: how many views go through the judge at once.
            alike: whether the images of a batch are seen through the same views by a judge that is the same to all;
                else each has draws of its own.

        Yields:
            For every chunk what each term of the group is given, by name; the images that its scores are of, (V,); and
            how many scores an image has in all.
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
        for begin in pausing(range(0, len(keys), chunk)):
            evaluation = ViewEvaluation(judge, self.augmentation, geometry, keys[begin : begin + chunk], pace)
            output = evaluation(pyramid)
            outputs = {
                name: evaluation.add_references(output, self._references[id(term)]) for name, term in group.members
            }
            yield outputs, torch.tensor([key.image for key in evaluation.keys]), len(views)


def score_term(name: str, term: Term, output: Any, images: Tensor) -> Tensor:
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
