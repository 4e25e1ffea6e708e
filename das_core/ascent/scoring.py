"""The scores of objectives: views are cut from the pixels of a canvas, judges answer, and objectives score the answers.

An ascent raises the scores along their gradient (module `gradient`). The module `image_scores` measures the scores of
each picture of a batch, without gradients.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..objectives.priors import CanvasPixels
from ..stack.image_stack import ImageStack
from ..stack.pixels import render_pixels
from ..views.augmentation import Augmentation
from ..views.draws import ViewKey
from ..views.geometry import ViewGeometry
from ..views.pyramid import Pyramid
from .active_region import ActiveRegion, active_region, union_mask
from .evaluation import ViewEvaluation
from .pace import Pace
from .plan import Plan
from .spreading import count_views, select_images, spread_views
from .terms import place_references


class Scoring:
    """The scores of a plan for the pictures of a stack, on the device of the stack.

    Args:
        stack: gives the size, the margin, the mask of what may change, and the start of the picture.
        plan: the terms, planned for this stack.
        augmentation: how views are made.
        seed: the seed of all random draws, which also depend on the numbers of the image, step, view and group.

    Attributes:
        images: how many images views can show: those of the stack, or for a zoom one for each moment.
        regions: for each group, where it acts.
        support: where at least one group acts.
        stack, plan, augmentation, seed: as given.

    Raises:
        ValueError: when region masks or reference images do not fit the stack; when views reach past the margin
            (`Windows.reach`); or when a term has reference images and its judge does not answer with activations.
    """

    def __init__(self, stack: ImageStack, plan: Plan, augmentation: Augmentation, seed: int) -> None:
        self.stack, self.plan, self.augmentation, self.seed = stack, plan, augmentation, seed
        spec = stack.spec
        self.images = len(plan.timeline.moments)
        reach = augmentation.windows.reach(spec.canvas, spec.margin, tile=spec.tile)
        regions = [active_region(group.regions, stack, reach, viewed=group.judge is not None) for group in plan.groups]
        self.regions = [region.to(stack.canvas.device) for region in regions]
        self.support = ActiveRegion(union_mask(self.regions))
        self._references = {
            id(member.term): place_references(member.name, member.term, stack, self.images) for member in plan.members
        }

    @cached_property
    def _start_pixels(self) -> Tensor:
        """The pixels of `ImageStack.start`, with which objectives without a judge can compare the present pixels."""
        return self.stack.composite(render_pixels(self.show(self.stack.start), self.stack.spec.color))

    def show(self, canvas: Tensor, images: Sequence[int] | None = None) -> Tensor:
        """Return the canvases that views can show, (N, 3, H, W), before the tanh.

        They are the canvases of the stack; for a zoom, the composites at its moments.

        Args:
            canvas: the canvas of the stack, (B, 3, H, W).
            images: the numbers, from 0, of the images (for a zoom: of the moments) that are wanted; all if None.
        """
        zoom = self.stack.spec.zoom_operator
        if zoom is None:
            return canvas if images is None else select_images(canvas, images)
        moments = zoom.zoom.moments
        return zoom.forward(canvas, moments if images is None else [moments[image] for image in images])

    def evaluate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, chunk: int, *, alike: bool = False
    ) -> Iterator[tuple[dict[str, Any], Tensor, float]]:
        """Show the views of a group to its judge, chunk by chunk.

        A group without a judge has no views: its terms get the pixels of all canvases at once.

        Args:
            number: the number of the group, from 0.
            pyramid: the pixels of the canvases.
            step: the number of the step, which the random draws depend on.
            pace: the pace of the step.
            chunk: how many views go through the judge at once.
            alike: True shows all images of a batch through the same views, and replaces the judge by `Judge.whole`,
                because a `PartialClassifier` leaves out other features for each image. If False, each image has its own
                random draws.

        Yields:
            Three things for every chunk:

            - the output that each term scores, by the name of its part of the objective;
            - the number of the image that each view shows, (V,);
            - how many views each image has in this step, in all chunks together. For a film or a zoom it is the mean
              over the images on which the group acts; for a group without a judge it is 1.
        """
        group, region, spec = self.plan.groups[number], self.regions[number], self.stack.spec
        if group.judge is None:
            canvas = CanvasPixels(pyramid.pixels, self._start_pixels, spec.margin)
            yield {member.name: canvas for member in group.members}, torch.arange(len(pyramid.pixels)), 1
            return
        judge = group.judge.whole if alike else group.judge
        geometry = ViewGeometry(spec.canvas, spec.margin, judge.size, spec.tile, region.boxes)
        batch = len(pyramid.pixels)
        if group.compares_images:
            # A multiple of `batch`, so that each chunk has equally many views of every image.
            chunk = max(chunk // batch, 1) * batch
        keys = self.choose_keys(number, step, batch, alike=alike)
        views = len(group.choose_views(self.augmentation.views, step))
        count = len(keys) / len(group.shown) if self.plan.is_series and not alike else views
        for begin in pausing(range(0, len(keys), chunk)):
            evaluation = ViewEvaluation(judge, self.augmentation, geometry, keys[begin : begin + chunk], pace)
            output = evaluation(pyramid)
            outputs = {
                member.name: evaluation.add_references(output, self._references[id(member.term)])
                for member in group.members
            }
            yield outputs, torch.tensor([key.image for key in evaluation.keys]), count

    def choose_keys(self, number: int, step: int, batch: int, *, alike: bool = False) -> list[ViewKey]:
        """Return the keys of the views that a group sees in a step, in the order in which its judge sees them.

        A key has the numbers that identify a view. One, `image`, is the number of the image that the view shows. The
        others decide the random draws of the view; one of these, `item`, usually is equal to `image`.

        In a batch of separate images, images on which the group does not act get no views (unless `alike`, or the group
        compares images).

        The views of a film or a zoom are spread over the frames or moments on which the group acts (unless `alike`).
        Their keys have the `item` 0. So a judge whose answer depends on the item (`PartialClassifier`) treats all
        frames or moments alike.

        Args:
            number: the number of the group, from 0; the group must have a judge.
            step: the number of the step.
            batch: how many images there are. For a film or a zoom it is used only if `alike` is True.
            alike: whether all images are seen through the same views; all keys then have the `item` 0.
        """
        group = self.plan.groups[number]
        shown = group.shown
        views = group.choose_views(self.augmentation.views, step)
        if alike or not self.plan.is_series:
            pairs = [(item, view) for item in (range(batch) if alike else shown) for view in views]
            if group.compares_images:
                # View by view, so that each chunk has equally many views of every image, as the comparison needs.
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
