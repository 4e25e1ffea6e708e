"""A stand-in for an UPSCALE_MODEL of ComfyUI and for the function that cuts pictures into pieces for it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class UpscaleStandIn:
    """Stands for spandrel's ImageModelDescriptor: enlarges by repeating pixels; blurs if the factor is 1."""

    def __init__(self, scale: int, most: int = 10000, **channels: int) -> None:
        self.scale, self.most, self.model = scale, most, nn.Conv2d(1, 1, 1)
        self.input_channels = channels.get("input_channels", 3)
        self.output_channels = channels.get("output_channels", 3)
        self.seen: list[int] = []

    def to(self, device: torch.device) -> "UpscaleStandIn":
        self.model.to(device)
        return self

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        side = max(image.shape[2:])
        if not self.seen or self.seen[-1] != side:
            self.seen.append(side)
        if side > self.most:
            raise torch.OutOfMemoryError("no memory")
        if self.scale == 1:
            return nn.functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
        return image.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


def tile(samples: Tensor, function: Callable[[Tensor], Tensor], tile_x: int, tile_y: int, **_: Any) -> Tensor:
    """Stands for comfy.utils.tiled_scale; the pieces do not overlap."""
    rows = [torch.cat([function(piece) for piece in row.split(tile_x, 3)], 3) for row in samples.split(tile_y, 2)]
    return torch.cat(rows, 2)
