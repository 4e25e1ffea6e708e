"""The image stack: a canvas, what it started from, and what ascents have added to it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..common.devices import find_device
from ..common.images import Images
from .pixels import crop_margin, render_pixels
from .spec import StackSpec
from .start import count_images, start_from_image, start_from_noise
from .state import OptimizerState, Parameters
from .surroundings import Surroundings, make_surroundings


@dataclass(frozen=True, eq=False, repr=False)
class ImageStack:
    """A stack of images at many resolutions that sum to one canvas: its spec and its state.

    Make one with `gray`, `noise` or `from_image`. A stack is immutable: ascents and edits return new ones. It keeps the
    canvas; `decompose` takes it apart into levels. (`Adam`, and `SGD` in the form `layers`, also keep what they have
    added to every level, as `parameters`; `NormalizedAscent` never does.) All canvases are (B, 3, H, W), float32,
    margins included, in the colour space of the spec and before the tanh: a pixel is (tanh(x) + 1) / 2, and a canvas of
    zeros is grey.

    Args:
        spec: how the stack is built.
        start: the canvas that `parameters` add to. It is the canvas before the first step, with the edits of
            `edit_stack`; or, where `Adam` took over from an ascent that had filtered its steps (`NormalizedAscent`) or
            from an edited stack, the canvas at that moment.
        canvas: the canvas now.
        parameters: what ascents have accumulated, with `canvas = start + operator.forward(parameters)`: the accumulated
            gradient, or the levels in the form `layers`. None for a stack that no ascent has moved, and where the
            canvas was moved in another way: by `NormalizedAscent`, which filters and scales every step, or by
            `edit_stack`.
        steps: how many steps of ascent it has done.
        optimizer_state: what the last optimizer needs to continue.
        surroundings: the picture that the stack is a part of; None if it is a picture by itself.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> stack = ImageStack.gray(StackSpec(width=64, height=48, margin=8), batch=2)
        >>> stack.canvas.shape, stack.image().shape
        (torch.Size([2, 3, 64, 80]), torch.Size([2, 3, 48, 64]))
    """

    spec: StackSpec
    start: Tensor
    canvas: Tensor
    parameters: Parameters | None = None
    steps: int = 0
    optimizer_state: OptimizerState | None = None
    surroundings: Surroundings | None = None

    def __post_init__(self) -> None:
        time, zoom = self.spec.time, self.spec.zoom
        if time is not None and len(self.canvas) != time.frames:
            raise ValueError(f"{len(self.canvas)} images are no film of {time.frames} frames; one for each is needed")
        if zoom is not None and len(self.canvas) != zoom.depths:
            raise ValueError(f"{len(self.canvas)} images are no zoom of {zoom.depths} depths; one for each is needed")

    @classmethod
    def gray(cls, spec: StackSpec, batch: int = 1) -> "ImageStack":
        """Return a stack that shows plain grey.

        Args:
            spec: how the stack is built.
            batch: how many images it holds; a film holds its frames, and a zoom its depths.

        Raises:
            ValueError: when `batch` is below 1, or neither 1 nor the number of frames or depths.
        """
        return cls.from_canvas(spec, torch.zeros(count_images(spec, batch), 3, *spec.canvas))

    @classmethod
    def noise(
        cls, spec: StackSpec, batch: int = 1, *, amplitude: float = 1.0, decay: float = 0.4, seed: int = 0
    ) -> "ImageStack":
        """Return a stack that shows noise with the spectrum of its levels.

        By default it shows soft clouds whose colours differ from seed to seed. Pictures that start from noise differ
        more between seeds than pictures that start from grey; with few steps, models recognise them less surely
        (benchmarks/RESULTS.md, Diversity and Ablation). The noise has the spectrum of a sum of levels of white noise,
        whose gains follow from `decay`; the gains and the frozen bands of the spec are ignored. The default levels have
        no level of one sample; the noise gets one in addition, because the mean colour of the picture is the largest
        difference between seeds.

        Args:
            spec: how the stack is built.
            batch: how many images it holds, each with its own noise. A film holds its frames, whose noise changes
                smoothly from frame to frame.
            amplitude: the root mean square before the tanh, from 0 up: 0.1 is faint; at 1 pictures differ most, but the
                colours of the noise remain in the picture, even where they do not fit.
            decay: the factor by which levels weaken from octave to octave, above 0 and at most 10: 1 is grainy, 0.4
                leaves soft clouds.
            seed: a whole number from 0 up.

        Raises:
            ValueError: when a setting is out of range.
        """
        return cls.from_canvas(spec, start_from_noise(spec, batch, amplitude, decay, seed))

    @classmethod
    def from_image(cls, spec: StackSpec, image: Images, batch: int = 1, *, contrast: float = 0.95) -> "ImageStack":
        """Return a stack that shows an image.

        Args:
            spec: how the stack is built.
            image: (B, 3, h, w), 0..1, of any size: it is resized to cover the picture, and its middle is cut out.
            batch: how often a single image is repeated. For several images it is 1 or their number. A film starts from
                one image, which stands still, or from an image for every frame.
            contrast: above 0 and at most 1. Below 1 the pixels are pulled toward grey, where gradients move them more
                easily.

        Raises:
            ValueError: when `batch` is below 1 or does not fit the number of images, `contrast` is out of range, or
                the image is not (B, 3, h, w), or holds whole numbers or values that are not finite.
        """
        return cls.from_canvas(spec, start_from_image(spec, image, batch, contrast))

    @classmethod
    def from_canvas(cls, spec: StackSpec, canvas: Tensor) -> "ImageStack":
        """Return a stack that starts from a canvas.

        Args:
            spec: how the stack is built.
            canvas: (B, 3, H, W), float32, margins included, in the colour space of the spec and before the tanh.
        """
        return cls(spec, canvas, canvas)

    def place_into(self, image: Images, mask: Tensor, feather: int = 0) -> "ImageStack":
        """Return this stack as a part of an image, in which it shows only under a mask.

        Image and mask are of any size: both are resized to cover the picture, and their middle is cut out. Batches of 1
        are repeated up to the largest batch among image, mask and stack. A stack that is repeated begins anew from its
        canvas, without the steps it has done.

        Args:
            image: what surrounds the stack, (B, 3, h, w), 0..1. Where the mask is 0 the picture is this image, bit for
                bit if it did not have to be resized.
            mask: where the stack shows, (B, h, w), 0 (not) to 1 (fully).
            feather: over how many pixels the edge of the mask is softened, inward only; 0 for a hard edge.

        Raises:
            ValueError: when image or mask is not of that shape or holds values that are not finite, the mask is empty
                or too thin for the feather, the feather is wider than the picture, or a batch is neither 1 nor the
                largest.
        """
        around = make_surroundings(self.spec, self.batch, image, mask, feather)
        batch = len(around.mask)
        repeated = self if self.batch == batch else self.from_canvas(self.spec, self.canvas.repeat(batch, 1, 1, 1))
        return replace(repeated, surroundings=around)

    def __repr__(self) -> str:
        """Return the size, the number of images and the number of steps as text, without the tensors."""
        what = "depth" if self.spec.zoom is not None else "image" if self.spec.time is None else "frame"
        images = f"{self.batch} {what}{'s' * (self.batch != 1)}"
        return f"ImageStack({self.spec.width} x {self.spec.height}, {images}, {self.steps} steps)"

    @property
    def batch(self) -> int:
        """How many images the stack holds."""
        return self.canvas.shape[0]

    def to(self, device: torch.device | str) -> "ImageStack":
        """Return the same stack with all its tensors on another device.

        Raises:
            ValueError: when there is no such device here.
        """
        device = find_device(device)
        return replace(
            self,
            start=self.start.to(device),
            canvas=self.canvas.to(device),
            parameters=None if self.parameters is None else self.parameters.to(device),
            optimizer_state=None if self.optimizer_state is None else self.optimizer_state.to(device),
            surroundings=None if self.surroundings is None else self.surroundings.to(device),
        )

    def pixels(self) -> Tensor:
        """Return the whole canvas as pixels (B, 3, H, W), 0..1, margins and surroundings included.

        For a zoom, each image is the composite at the moment of one depth, with the depths inside it and around it.
        """
        canvas, operator = self.canvas, self.spec.zoom_operator
        if operator is not None:
            canvas = operator.forward(canvas, range(operator.zoom.depths))
        return self.composite(render_pixels(canvas, self.spec.color))

    def composite(self, shown: Tensor) -> Tensor:
        """Put the surroundings around pixels of this stack; without surroundings, return the pixels as they are.

        Args:
            shown: pixels (B, 3, H, W), 0..1, margins included.
        """
        return shown if self.surroundings is None else self.surroundings.composite(shown)

    def image(self) -> Tensor:
        """Return the picture (B, 3, height, width), 0..1: the pixels without the margin."""
        return crop_margin(self.pixels(), self.spec.margin)
