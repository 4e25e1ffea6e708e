"""The image stack: what it is made of, what it holds, and what it shows."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .bands import Band, covers, written
from .color import ColorSpace, from_rgb, gradient_from_rgb, to_rgb
from .images import check_images
from .levels import Shape, check_levels, linear_levels
from .masks import Surroundings, canvas_mask, check_mask
from .operator import FORMS, Method, Operator, Parameters, SpectralOperator, operator_of
from .readout import least_drive, read_levels
from .start import canvas_from_image, noise_canvas, placed

SMALLEST_SIDE = 16


@dataclass(frozen=True)
class StackSpec:
    """How a stack is built; two stacks of one spec can be continued, blended and compared.

    Width and height are those of the picture, in pixels; the margin is canvas around it that views may reach into and
    that the picture leaves out. A `tile` goes on at its opposite edges, so it has no margin. Levels are resolutions
    along the long side of the canvas, gains their weights in the sum (1 where not given). What lies in a `frozen` band
    of resolutions stays as it is. Sources: levels, bicubic sum and tanh as in Direct Ascent Synthesis, arXiv
    2502.07753.
    """

    width: int = 224
    height: int = 224
    margin: int = 56
    levels: tuple[int, ...] | None = None
    gains: tuple[float, ...] | None = None
    color: ColorSpace = "decorrelated"
    method: Method = "spectral"
    tile: bool = False
    frozen: tuple[Band, ...] = ()

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            if side < SMALLEST_SIDE:
                raise ValueError(f"{name} {side} is too small; a picture needs at least {SMALLEST_SIDE} pixels a side")
        if self.margin < 0:
            raise ValueError(f"margin {self.margin} is negative; it must be 0 or more pixels")
        if self.tile and self.margin:
            raise ValueError(
                f"a tile with a margin of {self.margin} pixels cannot be: it goes on at its opposite edge and has no "
                "outside; set margin to 0, or tile to off"
            )
        if self.method not in FORMS:
            raise ValueError(f"method '{self.method}' is unknown; choose one of {', '.join(FORMS)}")
        levels = linear_levels(max(self.canvas), 4) if self.levels is None else self.levels
        object.__setattr__(self, "levels", check_levels(levels, max(self.canvas)))
        if self.gains is None:
            object.__setattr__(self, "gains", (1.0,) * len(self.resolutions))
        if len(self.weights) != len(self.resolutions) or min(self.weights) <= 0:
            raise ValueError(f"gains {self.weights} do not fit: {len(self.resolutions)} numbers above 0 are needed")
        if covers(self.frozen, max(self.canvas)):
            bands = ", ".join(map(written, self.frozen))
            raise ValueError(f"the frozen bands {bands} leave nothing that could move; freeze fewer")

    @property
    def canvas(self) -> Shape:
        """Height and width of the canvas, margins included."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The levels, coarse to fine."""
        assert self.levels is not None
        return self.levels

    @property
    def weights(self) -> tuple[float, ...]:
        """The gain of every level."""
        assert self.gains is not None
        return self.gains

    def operator(self, device: torch.device, method: Method | None = None) -> Operator:
        """The operator of this stack on `device`, in the form `method` (its own if None)."""
        form = method or self.method
        return operator_of(form, self.canvas, self.resolutions, self.weights, device, self.tile, self.frozen)

    def ascent_bytes(self, batch: int) -> int:
        """About how much memory an ascent needs for its canvases and its operator, models and views not counted."""
        height, width = self.canvas
        # Start, canvas, image, three gradients, momentum, two intermediate products; the filter and its low-pass.
        return 4 * 9 * batch * 3 * height * width + 8 * height * width


@dataclass(frozen=True)
class ImageStack:
    """A spec and its state. All tensors are canvases (B, 3, H, W) in the stack's colour space, before the tanh.

    `canvas = start + K(drive)` while `drive` is known: the accumulated gradient, from which every level can be read
    out exactly; or the explicit levels where an optimizer worked on them. It is None once an ascent filtered its steps:
    levels are then those of least norm that sum to the canvas. With `surroundings` the picture shows the canvas only
    under their mask.
    """

    spec: StackSpec
    start: Tensor
    canvas: Tensor
    drive: Parameters | None = None
    steps: int = 0
    momentum: Any = field(default=None, repr=False)
    surroundings: Surroundings | None = None

    @classmethod
    def grey(cls, spec: StackSpec, batch: int = 1) -> "ImageStack":
        """A stack that shows plain grey."""
        return cls.at(spec, torch.zeros(batch, 3, *spec.canvas))

    @classmethod
    def noise(
        cls, spec: StackSpec, batch: int = 1, *, amplitude: float = 0.3, decay: float = 0.7, seed: int = 0
    ) -> "ImageStack":
        """A stack that shows noise; see `start.noise_canvas`."""
        return cls.at(spec, noise_canvas(spec.canvas, spec.resolutions, batch, amplitude, decay, seed, spec.tile))

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
        return cls.at(spec, from_rgb(canvas, spec.color))

    @classmethod
    def at(cls, spec: StackSpec, canvas: Tensor) -> "ImageStack":
        """A stack that starts from this canvas (B, 3, H, W)."""
        return cls(spec, canvas, canvas)

    def inside(self, image: Tensor, mask: Tensor, feather: int = 0) -> "ImageStack":
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
        around = placed(check_images(image, "the image around the mask"), shape, spec.margin).expand(batch, -1, -1, -1)
        cut = canvas_mask(mask, shape, spec.margin, feather).expand(batch, -1, -1, -1)
        grown = self if self.batch == batch else self.at(spec, self.canvas.repeat(batch, 1, 1, 1))
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
            drive=None if self.drive is None else tuple(part.to(device) for part in self.drive),
            momentum=None if self.momentum is None else self.momentum.to(device),
            surroundings=None if self.surroundings is None else self.surroundings.to(device),
        )

    def pixels(self) -> Tensor:
        """The whole canvas as pixels (B, 3, H, W), 0..1, margins and surroundings included."""
        return self.around(pixels(self.canvas, self.spec.color))

    def around(self, shown: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) of the canvas with the surroundings put round them, if there are any."""
        return shown if self.surroundings is None else self.surroundings.around(shown)

    def image(self) -> Tensor:
        """The picture (B, 3, height, width), 0..1."""
        return crop(self.pixels(), self.spec.margin)

    def levels(self, *, with_start: bool = False) -> Parameters:
        """Every level (B, 3, h_r, w_r), coarse to fine: resized, times gain and summed they give canvas - start.

        `with_start` decomposes the start image along with what was added to it.
        """
        device = self.canvas.device
        # What is frozen does not move, but it is there.
        spec = replace(self.spec, frozen=())
        layers = spec.operator(device, "layers")
        canvas = self.canvas if with_start else self.canvas - self.start
        if self.drive is None or with_start or self.spec.frozen:
            spectral = spec.operator(device, "spectral")
            assert isinstance(spectral, SpectralOperator)
            return read_levels(canvas, least_drive(canvas, spectral), layers)
        if self.spec.method == "layers":
            return self.drive
        if self.spec.method == "exact":
            return layers.pull(self.drive[0])
        return read_levels(canvas, self.drive[0], layers)


def pixels(canvas: Tensor, color: ColorSpace) -> Tensor:
    """A canvas (B, 3, H, W) as pixels in 0..1: rgb, then (tanh + 1) / 2."""
    # The same function, and the fast form of it.
    return torch.sigmoid(2 * to_rgb(canvas, color))


def pixel_gradient(gradient: Tensor, shown: Tensor, color: ColorSpace) -> Tensor:
    """The gradient with respect to the canvas, given that with respect to the pixels `shown`; all (B, 3, H, W)."""
    # The derivative of (tanh + 1) / 2 in terms of its own value p is 2 p (1 - p).
    return gradient_from_rgb((1 - shown).mul_(shown).mul_(2).mul_(gradient), color)


def crop(canvas: Tensor, margin: int) -> Tensor:
    """A canvas (B, C, H, W) without its margin."""
    return canvas[:, :, margin : canvas.shape[2] - margin, margin : canvas.shape[3] - margin]
