"""The image stack: what it shows, and what ascents have added to it."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..common.images import check_images, place_on_canvas
from ..common.masks import canvas_mask, check_mask
from .color import ColorSpace, from_rgb, gradient_from_rgb, to_rgb
from .spec import StackSpec
from .start import canvas_from_image, make_noise_canvas
from .state import OptimizerState, Parameters


@dataclass(frozen=True)
class Surroundings:
    """The picture that a stack is a part of.

    Args:
        pixels: the picture over the whole canvas, (B, 3, H, W), 0..1.
        mask: where the stack shows, (B, 1, H, W): 1 there, 0 where the picture is kept bit for bit.
    """

    pixels: Tensor
    mask: Tensor

    def composite(self, shown: Tensor) -> Tensor:
        """Return pixels (B, 3, H, W) of the canvas where the mask is 1, and of the picture around it where it is 0."""
        # Exact at both ends: lerp returns its first argument at 0 and its second at 1.
        return torch.lerp(self.pixels, shown, self.mask)

    def to(self, device: torch.device) -> "Surroundings":
        """Return the same surroundings on another device."""
        return Surroundings(self.pixels.to(device), self.mask.to(device))


@dataclass(frozen=True)
class ImageStack:
    """A spec and its state. Tensors are canvases (B, 3, H, W) in the stack's colour space, before the tanh.

    Make one with `grey`, `noise` or `from_image`; ascents return new ones. Nothing changes in place.

    Args:
        spec: how the stack is built.
        start: the canvas before the first step.
        canvas: the canvas now.
        parameters: what ascents have added: `canvas = start + operator.forward(parameters)`. None once an ascent has
            filtered its steps: the levels are then those of least norm that sum to the change of the canvas.
        steps: how many steps it has climbed.
        optimizer_state: what the last optimizer remembers, for an ascent that goes on.
        surroundings: the picture that the stack is a part of, if it is.

    Example:
        >>> stack = ImageStack.grey(StackSpec(width=64, height=48, margin=8), batch=2)
        >>> stack.canvas.shape, stack.image().shape
        (torch.Size([2, 3, 64, 80]), torch.Size([2, 3, 48, 64]))
    """

    spec: StackSpec
    start: Tensor
    canvas: Tensor
    parameters: Parameters | None = None
    steps: int = 0
    optimizer_state: OptimizerState | None = field(default=None, repr=False)
    surroundings: Surroundings | None = None

    @classmethod
    def grey(cls, spec: StackSpec, batch: int = 1) -> "ImageStack":
        """Return a stack that shows plain grey: `batch` images."""
        return cls.from_canvas(spec, torch.zeros(batch, 3, *spec.canvas))

    @classmethod
    def noise(
        cls, spec: StackSpec, batch: int = 1, *, amplitude: float = 0.3, decay: float = 0.7, seed: int = 0
    ) -> "ImageStack":
        """Return a stack that shows noise; see `make_noise_canvas` for the arguments."""
        return cls.from_canvas(
            spec, make_noise_canvas(spec.canvas, spec.resolutions, batch, amplitude, decay, seed, spec.tile)
        )

    @classmethod
    def from_image(cls, spec: StackSpec, image: Tensor, batch: int = 1, *, contrast: float = 0.95) -> "ImageStack":
        """A stack that shows an image (B, 3, h, w), 0..1, of any size: resized to cover the picture, centred.

        A single image is repeated `batch` times; a batch of images needs `batch` 1 or its own length.
        """
        if image.shape[0] > 1 and batch not in (1, image.shape[0]):
            raise ValueError(
                f"batch_size {batch} does not go with {image.shape[0]} start images: use 1 or {image.shape[0]}"
            )
        canvas = canvas_from_image(image, (spec.height, spec.width), spec.margin, contrast)
        if canvas.shape[0] == 1:
            canvas = canvas.repeat(batch, 1, 1, 1)
        return cls.from_canvas(spec, from_rgb(canvas, spec.color))

    @classmethod
    def from_canvas(cls, spec: StackSpec, canvas: Tensor) -> "ImageStack":
        """Return a stack that starts from a canvas (B, 3, H, W)."""
        return cls(spec, canvas, canvas)

    def place_into(self, image: Tensor, mask: Tensor, feather: int = 0) -> "ImageStack":
        """This stack as a part of `image` (B, 3, h, w), 0..1: only under `mask` (B, h, w), 0..1, does it show.

        Both of any size: they are resized to cover the picture, centred. Where the mask is 0 the picture is the image,
        bit for bit if it needed no resizing. `feather` softens the edge of the mask inward, in pixels. One image, mask
        or stack goes with many of the others.
        """
        batch = max(self.batch, len(image), len(check_mask(mask)))
        for what, count in (("images", len(image)), ("masks", len(mask)), ("stacks", self.batch)):
            if count not in (1, batch):
                raise ValueError(f"{count} {what} do not go with a batch of {batch}: use 1 or {batch}")
        spec = self.spec
        shape = (spec.height, spec.width)
        around = place_on_canvas(check_images(image, "the image around the mask"), shape, spec.margin).expand(
            batch, -1, -1, -1
        )
        cut = canvas_mask(mask, shape, spec.margin, feather).expand(batch, -1, -1, -1)
        grown = self if self.batch == batch else self.from_canvas(spec, self.canvas.repeat(batch, 1, 1, 1))
        return replace(grown, surroundings=Surroundings(around, cut))

    @property
    def batch(self) -> int:
        """How many images it holds."""
        return self.canvas.shape[0]

    def to(self, device: torch.device) -> "ImageStack":
        """The same stack with its tensors on `device`."""
        return replace(
            self,
            start=self.start.to(device),
            canvas=self.canvas.to(device),
            parameters=None if self.parameters is None else self.parameters.to(device),
            optimizer_state=None if self.optimizer_state is None else self.optimizer_state.to(device),
            surroundings=None if self.surroundings is None else self.surroundings.to(device),
        )

    def pixels(self) -> Tensor:
        """The whole canvas as pixels (B, 3, H, W), 0..1, margins and surroundings included."""
        return self.composite(render_pixels(self.canvas, self.spec.color))

    def composite(self, shown: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) of the canvas with the surroundings put round them, if there are any."""
        return shown if self.surroundings is None else self.surroundings.composite(shown)

    def image(self) -> Tensor:
        """The picture (B, 3, height, width), 0..1."""
        return crop_margin(self.pixels(), self.spec.margin)


def render_pixels(canvas: Tensor, color: ColorSpace) -> Tensor:
    """A canvas (B, 3, H, W) as pixels in 0..1: rgb, then (tanh + 1) / 2."""
    # The same function, and the fast form of it.
    return torch.sigmoid(2 * to_rgb(canvas, color))


def pull_back_gradient(gradient: Tensor, shown: Tensor, color: ColorSpace) -> Tensor:
    """The gradient with respect to the canvas, given that with respect to the pixels `shown`; all (B, 3, H, W)."""
    # The derivative of (tanh + 1) / 2 in terms of its own value p is 2 p (1 - p).
    return gradient_from_rgb((1 - shown).mul_(shown).mul_(2).mul_(gradient), color)


def crop_margin(canvas: Tensor, margin: int) -> Tensor:
    """A canvas (B, C, H, W) without its margin."""
    return canvas[:, :, margin : canvas.shape[2] - margin, margin : canvas.shape[3] - margin]
