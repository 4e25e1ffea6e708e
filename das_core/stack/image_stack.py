"""The image stack: a canvas, what it started from, and what ascents have added to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..common.devices import find_device
from ..common.images import Images
from ..common.scalars import check_number, set_fields
from .linear_operator import StackOperator
from .pixels import crop_margin, render_pixels
from .spec import StackSpec
from .start import Surroundings, count_images, make_surroundings, start_from_image, start_from_noise
from .state import MOST_DONE, OptimizerState, check_tensor


@dataclass(frozen=True, eq=False, repr=False)
class ImageStack:
    """A stack of images at many resolutions that sum to one canvas: its spec and its state.

    Make one with `gray`, `noise` or `from_image`. Ascents and edits return new stacks. All canvases are (B, 3, H, W),
    float32, margins included, in the colour space of the spec and before the tanh: in rgb the pixel of a value x is
    (tanh(x) + 1) / 2. `decompose` computes the levels of a canvas.

    Args:
        spec: how the stack is built.
        start: the canvas before the first step; of a new stack that shows an image paler, the image itself.
        canvas: the present canvas.
        steps: how many steps ascents have done on the stack.
        optimizer_state: what the last optimizer needs to continue, if it needs something.
        surroundings: the picture around the stack, if the stack fills only a part of it.

    Attributes:
        settings: how the stack was made, see `Rendering.settings`; what is made of it has None.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.gray(da.StackSpec(width=64, height=48, margin=8), batch=2)
        >>> stack.canvas.shape, stack.image().shape
        (torch.Size([2, 3, 64, 80]), torch.Size([2, 3, 48, 64]))
    """

    spec: StackSpec
    start: Tensor
    canvas: Tensor
    steps: int = 0
    optimizer_state: OptimizerState | None = None
    surroundings: Surroundings | None = None
    settings: Mapping[str, Any] | None = field(default=None, init=False)  # So `replace` drops them.

    def __post_init__(self) -> None:
        set_fields(self, steps=check_number("steps of a stack", self.steps, 0, MOST_DONE, "0 is none", whole=True))
        if self.canvas.ndim != 4 or not len(self.canvas):
            raise ValueError(
                f"a canvas of shape {tuple(self.canvas.shape)} has no image; give (B, 3, H, W), B at least 1"
            )
        if (series := self.spec.series) is not None and len(self.canvas) != series[0]:
            count, kind, unit = series
            raise ValueError(f"{len(self.canvas)} images are no {kind} of {count} {unit}s; one for each is needed")
        shape = (self.batch, 3, *self.spec.canvas)
        check_tensor("the start", self.start, shape)
        check_tensor("the canvas", self.canvas, shape)
        if self.surroundings is not None:
            if self.spec.zoom is not None:
                raise ValueError("a zoom is no part of a picture, for it has pictures in it; leave the mask out")
            check_tensor("the picture around the stack", self.surroundings.pixels, shape)
            check_tensor("the mask of the stack", self.surroundings.mask, (shape[0], 1, *shape[2:]))

    @classmethod
    def gray(cls, spec: StackSpec, batch: int = 1) -> "ImageStack":
        """Return a stack of `batch` images that show plain grey; `batch` as in `noise`."""
        shape = count_images(spec, batch), 3, *spec.canvas
        return cls.from_canvas(spec, torch.zeros(shape, dtype=torch.float32, device="cpu"))

    @classmethod
    def noise(
        cls, spec: StackSpec, batch: int = 1, *, amplitude: float = 1.0, decay: float = 0.4, seed: int = 0
    ) -> "ImageStack":
        """Return a stack that shows noise with the power spectrum of a sum of levels, each filled with white noise.

        Pictures that start from it differ more than those from grey, but are recognised less often after few steps.

        Args:
            spec: how the stack is built.
            batch: how many images the stack holds; for a film or a zoom, 1 or the number of its frames or depths.
            amplitude: the root mean square before the tanh, from 0 up: 0.1 is faint; 1 makes seeds differ most.
            decay: the factor of an octave to the next finer one, above 0, at most 10: 1 gives grain, 0.4 soft clouds.
            seed: a whole number from 0 up.
        """
        return cls.from_canvas(spec, start_from_noise(spec, batch, amplitude, decay, seed))

    @classmethod
    def from_image(cls, spec: StackSpec, image: Images, batch: int = 1, *, contrast: float = 0.95) -> "ImageStack":
        """Return a stack that shows an image.

        Args:
            spec: how the stack is built.
            image: (B, 3, h, w), 0..1, or another form of `Images`, resized to cover the picture and cropped to its
                middle; for a film or a zoom one, or one for each frame or depth.
            batch: how often a single image is repeated; with several images, 1 or their number.
            contrast: the factor for the distance of each pixel from grey in `canvas`, above 0 and at most 1; below 1
                gradients move pixels more easily. `start` is the image itself, from which `Within` measures.
        """
        return cls(spec, *start_from_image(spec, image, batch, contrast))

    @classmethod
    def from_canvas(cls, spec: StackSpec, canvas: Tensor) -> "ImageStack":
        """Return a stack that starts from a canvas (B, 3, H, W) that fits the spec; it is not copied."""
        return cls(spec, canvas, canvas)

    def place_into(self, image: Images, mask: Tensor, feather: int = 0) -> "ImageStack":
        """Return this stack with an image around it: the stack is visible only where a mask is above 0.

        Image and mask are resized to cover the picture, and cropped to its middle. Of image, mask and stack, those with
        a batch of 1 are repeated; a stack that is repeated starts anew.

        Args:
            image: (B, 3, h, w), 0..1, or another form of `Images`; where the mask is 0 it is kept bit for bit.
            mask: where the stack is visible, (B, h, w), 0 (not) to 1 (fully).
            feather: the width in pixels of a soft edge inside the mask, 0 for none.
        """
        around = make_surroundings(self.spec, self.batch, image, mask, feather)
        batch = len(around.mask)
        if self.batch == batch:
            return replace(self, surroundings=around)
        start, canvas = self.canvas if self.steps else self.start, self.canvas
        start, canvas = start.repeat(batch, 1, 1, 1), canvas.repeat(batch, 1, 1, 1)
        return ImageStack(self.spec, start, canvas, surroundings=around)

    def __repr__(self) -> str:
        """Return the size, the number of images and the number of steps as text, without the tensors."""
        unit = "image" if self.spec.series is None else self.spec.series[2]
        images = f"{self.batch} {unit}{'s' * (self.batch != 1)}"
        steps = f"{self.steps} step{'s' * (self.steps != 1)}"
        return f"ImageStack({self.spec.width} x {self.spec.height}, {images}, {steps})"

    @property
    def batch(self) -> int:
        """How many images the stack holds."""
        return self.canvas.shape[0]

    def to(self, device: torch.device | str) -> "ImageStack":
        """Return the same stack with all its tensors on another device."""
        parts = ("start", "canvas", "optimizer_state", "surroundings")
        moved = {name: part.to(find_device(device)) for name in parts if (part := getattr(self, name)) is not None}
        return replace(self, **moved).with_settings(self.settings)

    def with_settings(self, settings: Mapping[str, Any] | None) -> "ImageStack":
        """Return the same stack with what says how it was made, as JSON can hold it."""
        stack = replace(self)
        set_fields(stack, settings=settings)
        return stack

    def pixels(self) -> Tensor:
        """Return the whole canvas as pixels (B, 3, H, W), 0..1, margins and surroundings included."""
        canvas, operator = self.canvas, self.spec.zoom_operator
        if operator is not None:
            canvas = operator.forward(canvas, range(operator.zoom.depths))
        return self.composite(self.spec.settle_look(self.canvas).apply_look(render_pixels(canvas, self.spec.color)))

    def composite(self, shown: Tensor) -> Tensor:
        """Put the surroundings, if there are any, around pixels of this stack."""
        return shown if self.surroundings is None else self.surroundings.composite(shown)

    def image(self) -> Tensor:
        """Return the picture (B, 3, height, width), 0..1: the pixels without the margin."""
        return crop_margin(self.pixels(), self.spec.margin)


def move_canvas(stack: ImageStack, canvas: Tensor, operator: StackOperator) -> ImageStack:
    """Return a stack with another canvas; frozen bands do not move."""
    if stack.spec.frozen:  # Else rounding would alter values that the new canvas leaves unchanged.
        canvas = stack.canvas + operator.remove_frozen(canvas - stack.canvas)
    return replace(stack, canvas=canvas)
