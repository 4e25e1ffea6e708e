"""The scores of objectives: views are cut from canvases, judges answer, and objectives score the answers."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

from ..common.images import place_on_canvas
from ..common.interruption import pausing
from ..common.scalars import check_count
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge
from ..objectives.priors import CanvasPixels
from ..objectives.term import Term
from ..stack.image_stack import ImageStack
from ..stack.pixels import render_pixels
from ..views.augmentation import Augmentation
from ..views.draws import Draws, ViewKey
from ..views.sampling import Pyramid
from ..views.windows import ViewGeometry
from .active_region import ActiveRegion, active_region
from .pace import Pace
from .plan import Plan
from .spreading import count_views, select_images, spread_views


class Scoring:
    """The scores of a plan for the pictures of a stack, or the moments of a zoom, on the device of the stack. `regions`
    are where each group acts, and `support` is where at least one does."""

    def __init__(self, stack: ImageStack, plan: Plan, augmentation: Augmentation, seed: int) -> None:
        self.stack, self.plan, self.augmentation, self.seed = stack, plan, augmentation, seed
        spec = stack.spec
        self.images = len(plan.timeline.moments)
        reach = augmentation.windows.reach(spec.canvas, spec.margin, tile=spec.tile)
        self.regions = [
            active_region(group.members[0].term.regions, stack, reach, viewed=group.judge is not None)
            for group in plan.groups
        ]
        masks = [region.mask for region in self.regions if region.mask is not None]
        self.support = ActiveRegion(reduce(torch.maximum, masks) if len(masks) == len(self.regions) else None)
        self._references = {
            id(member.term): _place_references(member.name, member.term, stack, self.images) for member in plan.members
        }

    @cached_property
    def _start_pixels(self) -> Tensor:
        """The pixels of `ImageStack.start`, with which objectives without a judge can compare the present pixels."""
        return self.stack.composite(render_pixels(self.show(self.stack.start), self.stack.spec.color))

    def through(self, augmentation: Augmentation) -> "Scoring":
        """Return this scoring through other views, of the same regions."""
        scoring = copy(self)
        scoring.augmentation = augmentation
        return scoring

    def show(self, canvas: Tensor, images: Sequence[int] | None = None) -> Tensor:
        """Return the canvases (N, 3, H, W) that views can show: all, or some; for a zoom, composites at its moments."""
        zoom = self.stack.spec.zoom_operator
        if zoom is None:
            return canvas if images is None else select_images(canvas, images)
        moments = zoom.zoom.moments
        return zoom.forward(canvas, moments if images is None else [moments[image] for image in images])

    def evaluate(
        self, number: int, pyramid: Pyramid, step: int, pace: Pace, chunk: int, *, alike: Sequence[int] = ()
    ) -> Iterator[tuple[dict[str, Any], Tensor, float]]:
        """Yield, for each chunk of views of a group, the output for every part of the objective, the image that each
        view shows, (V,), and how many views an image has, on average; the images `alike` have the same views."""
        group, region, spec = self.plan.groups[number], self.regions[number], self.stack.spec
        if group.judge is None:
            start = select_images(self._start_pixels, alike) if alike else self._start_pixels
            canvas = CanvasPixels(pyramid.pixels, start)
            yield {member.name: canvas for member in group.members}, torch.tensor(pyramid.items), 1
            return
        judge = group.judge
        geometry = ViewGeometry(spec.canvas, spec.margin, judge.size, spec.tile, region.boxes)
        batch = len(pyramid.pixels)
        if group.compares_images:
            # A multiple of `batch`, so that each chunk has equally many views of every image.
            chunk = max(chunk // batch, 1) * batch
        keys = self.choose_keys(number, step, batch, alike=alike)
        views = len(group.choose_views(self.augmentation.views, step))
        count = len(keys) / len(group.shown) if self.plan.is_series and not alike else views
        for begin in pausing(range(0, len(keys), chunk)):
            part = keys[begin : begin + chunk]
            output = self._ask(judge, geometry, part, pace, pyramid)
            outputs: dict[str, Any] = {}
            for member in group.members:
                with torch.no_grad():
                    canvases = self._references[id(member.term)]
                    seen = tuple(self._ask(judge, geometry, part, pace, canvas) for canvas in canvases)
                outputs[member.name] = replace(output, references=seen) if seen else output
            yield outputs, torch.tensor([key.image for key in part]), count

    def _ask(self, judge: Judge, geometry: ViewGeometry, keys: Sequence[ViewKey], pace: Pace, canvas: Pyramid) -> Any:
        """Return the answer of a judge for the views with these keys, which are alike for all canvases."""
        draws = Draws(keys, canvas.pixels.device, pace.coarse_progress, pace.progress, judge.noise)
        return judge(self.augmentation.make_views(canvas, geometry, draws))

    def score_images(self, pixels: Tensor, pace: Pace, chunk: int) -> dict[str, Tensor]:
        """Return the score (B,) of every part of the objective for the pixels (B, 3, H, W), margins included, of all
        images or depths, through the same views, those of step 0, without gradients."""
        zoom = self.stack.spec.zoom
        shown = range(len(pixels)) if zoom is None else [zoom.moments.index(depth) for depth in range(zoom.depths)]
        pyramid, found = Pyramid(pixels, shown), dict[str, list[Tensor]]()
        with torch.no_grad():
            for number, group in enumerate(self.plan.groups):
                scores: dict[str, list[Tensor]] = {member.name: [] for member in group.members}
                numbers = []
                for outputs, images, _ in self.evaluate(number, pyramid, 0, pace, chunk, alike=shown):
                    numbers.append(images)
                    for member in group.members:
                        score = score_term(member.name, member.term, outputs[member.name], images)
                        scores[member.name].append(score.float())
                for name, parts in scores.items():
                    if parts:
                        # Sorted by image, the scores of all views become a row for each image.
                        by_image = torch.cat(numbers).argsort(stable=True).to(pixels.device)
                        found.setdefault(name, []).append(torch.cat(parts)[by_image].reshape(len(pixels), -1))
        return {name: torch.cat(found[name], dim=1).mean(dim=1) for name in self.plan.parts if name in found}

    def choose_keys(self, number: int, step: int, batch: int, *, alike: Sequence[int] = ()) -> list[ViewKey]:
        """Return the keys of the views that a group with a judge sees in a step, in their order. `item`, which decides
        random draws, is 0 with `alike` and in a series, whose views are spread over the images where it acts."""
        group = self.plan.groups[number]
        shown = group.shown
        least = group.members[0].term.share[1] if alike else 1  # Every term sees a view.
        views = group.choose_views(max(self.augmentation.views, least), step)
        if alike or not self.plan.is_series:
            pairs = [(item, view) for item in (alike or shown) for view in views]
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


def _place_references(name: str, term: Term, stack: ImageStack, batch: int) -> tuple[Pyramid, ...]:
    """Return the reference images of a term as pyramids of `batch` canvases like those of the stack."""
    spec, images = stack.spec, term.references
    if images and not isinstance(term.judge, ActivationJudge):
        raise ValueError(f"'{name}' compares with reference images, which takes a judge that tells its activations")
    canvases = []
    for image in images:
        check_count(len(image), batch, "images to compare with", "image" if spec.zoom is None else "moment")
        canvas = place_on_canvas(image.to(stack.canvas.device), (spec.height, spec.width), spec.margin)
        canvases.append(Pyramid(canvas.expand(batch, -1, -1, -1)))
    return tuple(canvases)


def score_term(name: str, term: Term, output: Any, images: Tensor) -> Tensor:
    """Return the checked scores of a term: one for each view, (V,), or for each image if the term has no judge."""
    score, count = term.score(output, images), len(images)
    if not isinstance(score, Tensor) or score.shape != (count,) or not score.is_floating_point():
        found = f"{score.dtype}, {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        what = "image" if term.judge is None else "view"
        raise ValueError(
            f"'{name}' scores {count} {what}s with {found}; its score must be a float tensor ({count},), one "
            f"number for each {what}"
        )
    return score
