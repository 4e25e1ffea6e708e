"""The image stack: a canvas, what it started from, and what ascents have added to it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..common.devices import find_device
from ..common.images import Images
from .pixels import crop_margin, render_pixels
from .spec import StackSpec
from .start import count_images, start_from_image, start_from_noise
from .state import OptimizerState, Parameters, check_steps, check_tensor
from .surroundings import Surroundings, make_surroundings


@dataclass(frozen=True, eq=False, repr=False)
class ImageStack:
    """A stack of images at many resolutions that sum to one canvas: its spec and its state.

    Make one with `gray`, `noise` or `from_image`. A stack is immutable: ascents and edits return new stacks. A stack
    stores its canvas; `decompose` computes the levels from it. (After an ascent by `Adam`, or by `SGD` in the form
    `layers`, the stack also stores what the ascent has added to every level, in `parameters`. `NormalizedAscent`
    stores no parameters.) All canvases are (B, 3, H, W), float32, margins included, in the colour space of the spec and
    before the tanh: for a value x in rgb the pixel is (tanh(x) + 1) / 2, so a canvas of zeros is grey.

    Args:
        spec: how the stack is built.
        start: the canvas before the first step; of a new stack that shows an image paler (`from_image`), the image
            itself. `edit_stack` edits it together with the present canvas. If `Adam` continues a stack that has no
            `parameters`, the canvas at that moment becomes the start. `as_film`, `as_zoom`, and `place_into` when it
            repeats a stack that has done steps, return a stack that starts anew: its start is its canvas, and it has no
            parameters.
        canvas: the present canvas.
        parameters: the tensors from which the change of the canvas since the start can be computed: the accumulated
            gradient or, in the form `layers`, what ascents have added to every level. With the operator K of the stack
            (`StackSpec.operator`), `canvas = start + operator.forward(parameters)`. None for a stack that no ascent
            has moved, and after changes that are not accumulated: by `NormalizedAscent`, by an ascent with
            a bound (`Within`), by an ascent with the parametrisation `maco`, and by edits.
        steps: the number of steps that ascents have done on the stack.
        optimizer_state: what the last optimizer needs to continue; None without such a state.
        surroundings: the picture around the stack, if the stack fills only a part of it; None otherwise.

    Raises:
        ValueError: when a tensor is not float32 of the shape that belongs to the spec, or `steps` is no whole number
            from 0 up; when a film has not one image for each frame, or a zoom not one for each depth.

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
        object.__setattr__(self, "steps", check_steps("steps of a stack", self.steps))
        time, zoom = self.spec.time, self.spec.zoom
        if self.canvas.ndim != 4 or not len(self.canvas):
            raise ValueError(
                f"a canvas of shape {tuple(self.canvas.shape)} has no image; give (B, 3, H, W), B at least 1"
            )
        if time is not None and len(self.canvas) != time.frames:
            raise ValueError(f"{len(self.canvas)} images are no film of {time.frames} frames; one for each is needed")
        if zoom is not None and len(self.canvas) != zoom.depths:
            raise ValueError(f"{len(self.canvas)} images are no zoom of {zoom.depths} depths; one for each is needed")
        shape = (self.batch, 3, *self.spec.canvas)
        check_tensor("the start", self.start, shape)
        check_tensor("the canvas", self.canvas, shape)
        if self.surroundings is not None:
            check_tensor("the picture around the stack", self.surroundings.pixels, shape)
            check_tensor("the mask of the stack", self.surroundings.mask, (shape[0], 1, *shape[2:]))
        if self.parameters is not None:
            tensors, shapes = self.parameters.tensors, self.spec.shape_parameters(self.batch)
            kind = self.spec.parameters_kind
            if not isinstance(self.parameters, kind) or len(tensors) != len(shapes):
                raise ValueError(
                    f"{type(self.parameters).__name__} of {len(tensors)} tensors are no parameters of this stack; give "
                    f"{kind.__name__} of {len(shapes)}"
                )
            for number, (tensor, needed) in enumerate(zip(tensors, shapes, strict=True)):
                check_tensor(f"tensor {number} of the parameters", tensor, needed)

    @classmethod
    def gray(cls, spec: StackSpec, batch: int = 1) -> "ImageStack":
        """Return a stack that shows plain grey.

        Args:
            spec: how the stack is built.
            batch: how many images the stack holds. A film always holds all its frames, and a zoom all its depths; for
                them, leave `batch` at 1, or give the number of frames or depths.

        Raises:
            ValueError: when `batch` is below 1, or, for a film or a zoom, neither 1 nor the number of frames or depths.
        """
        return cls.from_canvas(spec, torch.zeros(count_images(spec, batch), 3, *spec.canvas, dtype=torch.float32))

    @classmethod
    def noise(
        cls, spec: StackSpec, batch: int = 1, *, amplitude: float = 1.0, decay: float = 0.4, seed: int = 0
    ) -> "ImageStack":
        """Return a stack that shows noise with the power spectrum of a sum of levels, each filled with white noise.

        With the default settings the noise looks like soft clouds, whose colours differ from seed to seed. Pictures
        that start from noise differ more between seeds than pictures that start from grey. After few steps, however,
        models recognise pictures from noise less reliably than pictures from grey (benchmarks/RESULTS.md, Diversity and
        Ablation). The gains of the levels of noise follow from `decay`; the gains and the frozen bands of the spec are
        ignored. If the spec has the default levels, the noise gets a level of one sample in addition. This level sets
        the mean colour, in which pictures of different seeds differ most.

        Args:
            spec: how the stack is built.
            batch: how many images the stack holds, each with its own noise. For a film or a zoom, leave it at 1, or
                give the number of frames or depths. The noise of a film changes smoothly from frame to frame.
            amplitude: the root mean square of the noise before the tanh, from 0 up. At 0.1 the noise is faint. At 1 the
                pictures of different seeds differ most, but the colours of the noise remain visible in the finished
                picture, even where they do not fit.
            decay: the factor by which the gain changes when the resolution of a level doubles, above 0 and at most 10:
                1 gives grainy noise, 0.4 soft clouds.
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
            image: (B, 3, h, w), 0..1, or another form of `Images`, of any size: it is resized to cover the picture, and
                cropped to its middle.
            batch: how often a single image is repeated; with several images, 1 or their number. For a film or a zoom,
                leave it at 1: a single image is repeated for all frames or depths; if there are several images, there
                must be one for each frame or depth.
            contrast: the factor by which the distance of each pixel from grey is multiplied in `canvas`, above 0 and at
                most 1. Below 1 the pixels are closer to grey, where gradients move them more easily. The start of the
                stack is the image itself, and a bound (`Within`) is measured from it.

        Raises:
            ValueError: when `batch` is below 1 or does not fit the number of images; `contrast` is out of range; or
                `image` has none of the forms of `Images`, is a tensor of whole numbers, or holds values that are not
                finite.
        """
        return cls(spec, *start_from_image(spec, image, batch, contrast))

    @classmethod
    def from_canvas(cls, spec: StackSpec, canvas: Tensor) -> "ImageStack":
        """Return a stack that starts from a canvas.

        Args:
            spec: how the stack is built.
            canvas: (B, 3, H, W), float32, margins included, in the colour space of the spec and before the tanh. It is
                not copied.

        Raises:
            ValueError: when a film has not one canvas for each frame, or a zoom not one for each depth.
        """
        return cls(spec, canvas, canvas)

    def place_into(self, image: Images, mask: Tensor, feather: int = 0) -> "ImageStack":
        """Return this stack with an image around it: the stack is visible only where a mask is above 0.

        Image and mask may have any size: both are resized to cover the picture, and cropped to their middle. An
        image, mask or stack with a batch of 1 is repeated up to the largest batch of the three. A stack that is
        repeated keeps its canvas, but loses its parameters, its optimizer state and its count of steps.

        Args:
            image: the image around the stack, (B, 3, h, w), 0..1, or another form of `Images`. Where the mask is 0 the
                picture is equal to this image, bit for bit if the image did not have to be resized.
            mask: where the stack is visible, (B, h, w), 0 (not) to 1 (fully).
            feather: the width in pixels of a soft edge inside the mask; 0 leaves the edge of the mask as it is.

        Raises:
            ValueError: when `image` has none of the forms of `Images`, or is a tensor of whole numbers; the mask is not
                (B, h, w); image or mask holds values that are not finite; the mask is empty or too thin for the
                feather; the feather is negative or not below the short side of the picture; the batch of the image,
                mask or stack is neither 1 nor the largest of the three; a film is combined with more images or masks
                than it has frames; or the stack is a zoom.
        """
        around = make_surroundings(self.spec, self.batch, image, mask, feather)
        batch = len(around.mask)
        repeated = self
        if self.batch != batch:
            start, canvas = self.canvas if self.steps else self.start, self.canvas
            repeated = ImageStack(self.spec, start.repeat(batch, 1, 1, 1), canvas.repeat(batch, 1, 1, 1))
        return replace(repeated, surroundings=around)

    def __repr__(self) -> str:
        """Return the size, the number of images and the number of steps as text, without the tensors."""
        what = "depth" if self.spec.zoom is not None else "image" if self.spec.time is None else "frame"
        images = f"{self.batch} {what}{'s' * (self.batch != 1)}"
        steps = f"{self.steps} step{'s' * (self.steps != 1)}"
        return f"ImageStack({self.spec.width} x {self.spec.height}, {images}, {steps})"

    @property
    def batch(self) -> int:
        """How many images the stack holds."""
        return self.canvas.shape[0]

    def to(self, device: torch.device | str) -> "ImageStack":
        """Return the same stack with all its tensors on another device.

        Raises:
            ValueError: when this machine has no such device, or PyTorch cannot use it.
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

        For a zoom, image d is the composite at moment d: depth d with the depths that are visible inside and around it.
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
