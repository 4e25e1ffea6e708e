"""Computes the scores of objectives: cuts views from the pixels of a canvas, runs judges on them, scores the answers.

An ascent raises these scores (`gradient`); `report.objective_scores` compares pictures by them.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..common.devices import make_constant
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
from .groups import NamedObjective, TermGroup, group_by_judge
from .pace import Pace
from .spreading import count_views, select_images, spread_views
from .support import ActiveRegion, active_region, union_mask


class Scoring:
    """The scores of some objectives for pictures of one size, on one device.

    Args:
        stack: gives the size, the margin, the mask of what may change, and the start of the picture.
        objectives: the objectives and their names.
        augmentation: how views are made.
        seed: the seed of all random draws, which also depend on the numbers of the image, step, view and group.

    Attributes:
        groups: the terms of the objectives, in groups that share their views.
        film: whether the stack is a film or a zoom; the views of a step are then divided among the frames, or among the
            moments of the zoom.
        images: how many images views can show: those of the stack, or for a zoom one for each moment.
        shown: for each group the numbers of the images for which one of its terms has a weight.
        regions: where each group acts.
        support: where any group acts.
        stack, augmentation, seed: as given.

    Raises:
        ValueError: when region masks, reference images or the weights of images do not fit the stack, reference images
            belong to a term whose judge does not answer with activations, or a term that compares images is given a
            single image, a film or a zoom, or counts for some of the images only.
    """

    def __init__(
        self, stack: ImageStack, objectives: Sequence[NamedObjective], augmentation: Augmentation, seed: int
    ) -> None:
        self.stack, self.augmentation, self.seed = stack, augmentation, seed
        self.groups = group_by_judge(objectives)
        spec = stack.spec
        self.film = spec.time is not None or spec.zoom is not None
        timeline = spec.find_timeline(stack.batch)
        self.images = len(timeline.moments)
        self._image_weights = {
            id(term): term.image_weights(timeline) for group in self.groups for _, term in group.members
        }
        self.shown = [self._list_shown(group) for group in self.groups]
        reach = augmentation.windows.reach(spec.canvas, spec.margin, tile=spec.tile)
        if spec.zoom is not None and any(group.regions for group in self.groups):
            raise ValueError("a zoom has no regions, for its pictures move through each other; leave the mask out")
        regions = [active_region(group.regions, stack, reach, viewed=group.judge is not None) for group in self.groups]
        self.regions = [region.to(stack.canvas.device) for region in regions]
        self.support = ActiveRegion(union_mask(self.regions))
        for name, term in (member for group in self.groups for member in group.members):
            if term.compares_images and stack.batch < 2:
                raise ValueError(f"'{name}' compares the images of a batch, and there is one; make 2 or more")
            if term.compares_images and self.film:
                raise ValueError(f"'{name}' makes images differ, and {timeline.unit}s belong together; leave it out")
        self._references = {
            id(term): _place_references(name, term, stack, self.images)
            for group in self.groups
            for name, term in group.members
        }

    @property
    def judges(self) -> list[Judge]:
        """The judge of every group that has one."""
        return [group.judge for group in self.groups if group.judge is not None]

    @property
    def fewest_views(self) -> int:
        """The least number of views that can go through a judge at once: 1, or one of every image to compare them."""
        return self.stack.batch if any(group.compares_images for group in self.groups) else 1

    @cached_property
    def _start_pixels(self) -> Tensor:
        """The pixels of the canvas before the ascent; only objectives without a judge compare with them."""
        return self.stack.composite(render_pixels(self.show(self.stack.start), self.stack.spec.color))

    def show(self, canvas: Tensor, images: Sequence[int] | None = None) -> Tensor:
        """Return the canvases that views can show, (N, 3, H, W), before the tanh: for a zoom composites at its moments.

        Args:
            canvas: the canvas of the stack, (B, 3, H, W).
            images: the numbers of some of the images; all if None.
        """
        zoom = self.stack.spec.zoom_operator
        if zoom is None:
            return canvas if images is None else select_images(canvas, images)
        moments = zoom.zoom.moments
        return zoom.forward(canvas, moments if images is None else [moments[image] for image in images])

    def weigh_images(self, term: Term, images: Sequence[int]) -> tuple[float, ...] | None:
        """Return the factors of the weight of a term for views of some images; None if all factors are 1.

        Args:
            term: a term of one of the groups.
            images: for each view the number of the image that it shows.
        """
        known = self._image_weights[id(term)]
        return None if known is None else tuple(known[image] for image in images)

    def weigh_group(self, number: int, progress: float) -> float | Tensor:
        """Return the weight of a group at a moment: the sum of the absolute weights of its terms.

        Args:
            number: which group, from 0.
            progress: the share of the ascent that is over, 0..1.

        Returns:
            A number; or one for each image, (B, 1, 1, 1), if their factors differ. For a film or a zoom it is the root
            mean square over the images, because gradients are balanced by norms over all of them.
        """
        members = self.groups[number].members
        known = [(abs(term.weight_at(progress)), self._image_weights[id(term)]) for _, term in members]
        if all(factors is None for _, factors in known):
            return sum(weight for weight, _ in known)
        device, batch = self.stack.canvas.device, self.images
        each = [
            sum(weight * (1.0 if factors is None else abs(factors[image])) for weight, factors in known)
            for image in range(batch)
        ]
        if self.film:
            return math.sqrt(sum(weight**2 for weight in each) / batch)
        return make_constant(tuple(each), torch.float32, device)[:, None, None, None]

    def _list_shown(self, group: TermGroup) -> list[int]:
        """Return the images on which a term of a group counts: all, or those where a weight is not 0."""
        known = [self._image_weights[id(term)] for _, term in group.members]
        images = range(self.images)
        shown = [image for image in images if any(factors is None or factors[image] for factors in known)]
        if group.compares_images and len(shown) < len(images):
            raise ValueError(f"'{group.members[0][0]}' compares all images, so it has to count for all of them")
        # A group that never counts is evaluated all the same, so that its objectives have scores.
        return shown or list(images)

    def measure_scores(self, pixels: Tensor, pace: Pace, chunk: int) -> dict[str, Tensor]:
        """Return the score of every objective for every image, without gradients.

        All images are seen through the same views, so that their scores can be compared.

        Args:
            pixels: pixels of the canvas (B, 3, H, W), 0..1, margins included.
            pace: the moment of an ascent whose views are used.
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
    ) -> Iterator[tuple[dict[str, Any], Tensor, float]]:
        """Show the views of a group to its judge, chunk by chunk.

        Args:
            number: which group, from 0.
            pyramid: the pixels of the canvases.
            step: the number of the step, which the random draws depend on.
            pace: the moment of the ascent.
            chunk: how many views go through the judge at once.
            alike: whether all images of a batch are seen through the same views, by a judge that treats them alike
                (`Judge.whole`); else each has its own random draws.

        Yields:
            For every chunk: the output that each term scores, by name; the number of the image that each view shows,
            (V,); and how many views an image has in this step, for a film or a zoom the mean over the images on which
            the group acts.
        """
        group, region, spec = self.groups[number], self.regions[number], self.stack.spec
        if group.judge is None:
            canvas = CanvasPixels(pyramid.pixels, self._start_pixels, spec.margin)
            yield {name: canvas for name, _ in group.members}, torch.arange(len(pyramid.pixels)), 1
            return
        judge = group.judge.whole if alike else group.judge
        geometry = ViewGeometry(spec.canvas, spec.margin, judge.size, spec.tile, region.boxes)
        batch = len(pyramid.pixels)
        if group.compares_images:
            chunk = max(chunk // batch, 1) * batch
        keys = self.choose_keys(number, step, batch, alike=alike)
        views = len(group.choose_views(self.augmentation.views, step))
        count = len(keys) / len(self.shown[number]) if self.film and not alike else views
        for begin in pausing(range(0, len(keys), chunk)):
            evaluation = ViewEvaluation(judge, self.augmentation, geometry, keys[begin : begin + chunk], pace)
            output = evaluation(pyramid)
            outputs = {
                name: evaluation.add_references(output, self._references[id(term)]) for name, term in group.members
            }
            yield outputs, torch.tensor([key.image for key in evaluation.keys]), count

    def choose_keys(self, number: int, step: int, batch: int, *, alike: bool = False) -> list[ViewKey]:
        """Return the keys of the views that a group sees in a step, in their order.

        The views of a film are spread over the frames on which the group acts. All frames of a film have the same item
        number in their keys, so a judge that differs from item to item (`PartialClassifier`) is the same for all
        frames.

        Args:
            number: which group, from 0; one that has a judge.
            step: the number of the step.
            batch: how many images there are.
            alike: whether all images are seen through the same views.
        """
        group, shown = self.groups[number], self.shown[number]
        views = group.choose_views(self.augmentation.views, step)
        if alike or not self.film:
            pairs = [(item, view) for item in (range(batch) if alike else shown) for view in views]
            if group.compares_images:
                # View by view, so that a chunk has as many views of every image, which can then be compared.
                pairs = [(item, view) for view in views for item in range(batch)]
            return [ViewKey(self.seed, 0 if alike else item, step, view, number, item) for item, view in pairs]
        if not views:
            return []
        count = count_views(len(views), len(shown), self.images)
        places = spread_views(count, len(shown), step, self.seed, number)
        return [
            ViewKey(self.seed, 0, step, view, number, shown[place])
            for view, place in zip(views[:count], places, strict=True)
        ]


def score_term(name: str, term: Term, output: Any, images: Tensor) -> Tensor:
    """Return the scores (V,) of a term, or raise a ValueError when its `score_views` returns anything else."""
    score, count = term.score_views(output, images), len(images)
    if not isinstance(score, Tensor) or score.shape != (count,) or not score.is_floating_point():
        found = f"{score.dtype}, {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        what = "image" if term.judge is None else "view"
        raise ValueError(
            f"'{name}' scores {count} {what}s with {found}; its `score` must return a float tensor ({count},), one "
            f"number for each {what}"
        )
    return score


def _place_references(name: str, term: Term, stack: ImageStack, batch: int) -> tuple[Pyramid, ...]:
    """Return the canvases on which the reference images of a term are placed as a start image is."""
    spec, device = stack.spec, stack.canvas.device
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
