"""The pixels that the views of a step show, and the chain rule from these pixels back to the canvas, without autograd.

For a film or a zoom, only the images that a view shows are computed, unless an objective without a judge scores all.
"""

from dataclasses import dataclass

from torch import Tensor

from ..looks.look import FAINTEST
from ..stack.pixels import pull_back_gradient, render_pixels
from ..views.sampling import Pyramid
from .focus import Focus, measure_squared_distances
from .memory import seeing_whole_canvases
from .pace import Pace
from .scoring import Scoring
from .spreading import select_images, split_frames


@dataclass(frozen=True, eq=False)
class ShownPixels:
    """The pixels of the images that a step shows, with and without surroundings, and their numbers; None for all."""

    pyramid: Pyramid
    synthesised: Tensor
    images: list[int] | None


class StepRenderer:
    """Renders the images of a canvas that a step shows, and takes gradients at their pixels back to the canvas."""

    def __init__(self, scoring: Scoring, focus: Focus | None = None) -> None:
        self.scoring, self.focus = scoring, focus
        stack, spec, center = scoring.stack, scoring.stack.spec, None
        if focus and focus.center:
            row, column = focus.center
            center = spec.margin + row * spec.height - 0.5, spec.margin + column * spec.width - 0.5
        self._distances = [
            measure_squared_distances(spec.canvas, region.mask, center).to(stack.canvas.device)
            for region in (scoring.regions if focus else [])
        ]

    def render(self, canvas: Tensor, step: int, progress: float) -> ShownPixels:
        """Render those images of a canvas that the views of a step show, together with the surroundings, if any.

        The views show a look the better, the more of the ascent is over; gradients go to the pixels without it, as if
        it were not there (a straight-through estimator, Bengio et al., 2013, arXiv 1308.3432).
        """
        images, color, around = self._list_images(step), self.scoring.stack.spec.color, self.scoring.stack.surroundings
        if images is None:
            synthesised = render_pixels(canvas, color).detach()
        else:
            synthesised = canvas.new_empty(len(images), *canvas.shape[1:])
            for begin, part in split_frames(images, canvas.device):
                synthesised[begin : begin + len(part)] = render_pixels(self.scoring.show(canvas, part), color)
            around = around and around.select(images)
        with seeing_whole_canvases("the look", "take another look, or none"):
            spec = self.scoring.stack.spec.settle_look(canvas)
            shown = spec.apply_look(synthesised, FAINTEST + (1 - FAINTEST) * progress)
        shown = shown if around is None else around.composite(shown)
        return ShownPixels(Pyramid(shown.detach().requires_grad_(), images), synthesised, images)

    def pull_back(self, number: int, shown: ShownPixels, pace: Pace) -> Tensor:
        """Take the gradient of a group from the pyramid, and return it at the canvas, (B, 3, H, W)."""
        at_pixels, images = shown.pyramid.take_gradient(), shown.images
        if images is None:
            return self._pull_back(number, at_pixels, shown.synthesised, pace, None)
        # Only the gradients of the images that views show are computed; those of the others are 0.
        whole = at_pixels.new_zeros(self.scoring.stack.canvas.shape)
        zoom = self.scoring.stack.spec.zoom_operator
        for begin, part in split_frames(images, at_pixels.device):
            places = slice(begin, begin + len(part))
            pulled = self._pull_back(number, at_pixels[places], shown.synthesised[places], pace, part)
            if zoom is not None:
                whole += zoom.adjoint(pulled, [zoom.zoom.moments[image] for image in part])
                continue
            for image, gradient in zip(part, pulled, strict=True):
                whole[image] = gradient
        return whole

    def _list_images(self, step: int) -> list[int] | None:
        """Return the numbers of the images that a step shows, rising; None for all images of the stack."""
        scoring, batch = self.scoring, self.scoring.images
        if not scoring.plan.is_series:
            return None
        if any(group.judge is None for group in scoring.plan.groups):
            # An objective without a judge scores all images. For a zoom, None would stand for the depths.
            return None if scoring.stack.spec.zoom is None else list(range(batch))
        keys = [key for number in range(len(scoring.plan.groups)) for key in scoring.choose_keys(number, step, batch)]
        return sorted({key.item if key.image is None else key.image for key in keys})

    def _pull_back(
        self, number: int, gradient: Tensor, synthesised: Tensor, pace: Pace, images: list[int] | None
    ) -> Tensor:
        group, region = self.scoring.plan.groups[number], self.scoring.regions[number]
        # The mask of the region contains that of the surroundings, which is the derivative of `composite`.
        gradient = region.select(images).restrict(gradient)
        gradient = pull_back_gradient(gradient, synthesised, self.scoring.stack.spec.color)
        if self.focus and group.judge is not None:
            distances = self._distances[number]
            if images is not None and len(distances) > 1:
                distances = select_images(distances, images)
            gradient = gradient * self.focus.weigh(distances, pace.progress)
        return gradient
