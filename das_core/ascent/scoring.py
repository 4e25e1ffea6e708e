"""The scores of objectives: views are cut from the pixels of a canvas, judges answer, and objectives score the
answers."""

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

    Attributes:
        images: how many images views can show: those of the stack, or for a zoom one for each moment.
        regions: for each group, where it acts.
        support: where at least one group acts.
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
        """Return the canvases (N, 3, H, W) that views can show, for a zoom the composites at its moments; all, or those
        in `images`."""
        zoom = self.stack.spec.zoom_operator
        if zoom is None:
            return canvas if images is None else select_images(canvas, images)
        moments = zoom.zoom.moments
        return zoom.forward(canvas, moments if images is None else [moments[image] for image in images])

    def evaluate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, chunk: int, *, alike: bool = False
    ) -> Iterator[tuple[dict[str, Any], Tensor, float]]:
        """Show the views of a group to its judge, chunk by chunk; a group without a judge gets the pixels of all
        canvases.

        Each chunk yields the output for every part of the objective, by name; the number of the image that each view
        shows, (V,); and the number of views that each image has in this step, for a film or a zoom the mean over its
        images.

        `alike` shows all images through the same views, and to `Judge.whole`: a `PartialClassifier` differs from image
        to image.
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
        """Return the keys of the views that a group with a judge sees in a step, in the order in which its judge sees
        them.

        The number `image` of a key is that of the image shown; `item` decides random draws. `item` is 0 for all with
        `alike`, and for a film or a zoom, whose views are spread over the images on which the group acts.
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
