"""Embedders: judges that answer with a vector for an image, such as DINOv3, and any judge by one of its layers."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.images import Fit, Images, Interpolation, check_images, fit_square
from ..common.interruption import pausing
from .judge import Judge


@dataclass(frozen=True, kw_only=True)
class Embedder(Judge):
    """A judge that answers with embeddings (V, D): the pooled features of a model without classes, or of a layer.

    `wrap` makes one of a model whose last layer has been taken off, `pool_layer` of any judge. The arguments are those
    of `Judge`, and:

    Args:
        width: D, how many numbers an embedding has.
        fit: how an oblong image becomes a square, the same as when the model was trained; see `Fit`.
        interpolation: how images are resized, the same as when the model was trained.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> embedder = da.Embedder("mean colour", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), width=3)
        >>> embedder.encode_images(torch.full((1, 3, 20, 30), 0.5))
        tensor([[0.5774, 0.5774, 0.5774]])
    """

    width: int
    fit: Fit = "shortest"
    interpolation: Interpolation = "bicubic"

    def encode_images(self, images: Images) -> Tensor:
        """Return the embeddings (B, D) of whole images, each of length 1, in float32, without gradients.

        Args:
            images: (B, 3, H, W), 0..1, on the CPU or the device of the model; or another form of `Images`.

        Raises:
            ValueError: when the images are in none of the forms of `Images`, hold values that are not finite, or have
                an embedding that is all zeros or not finite.
        """
        images = self.bring(check_images(images, "the image to embed"))
        squares = fit_square(images, self.size, self.fit, self.interpolation).clamp(0, 1)
        with torch.no_grad():
            embeddings = F.normalize(torch.cat([self(part) for part in squares.split(16)]), dim=1)
        for number, embedding in pausing(enumerate(embeddings, start=1)):
            check_embedding(embedding, f"image {number}", self.name)
        return embeddings

    def split(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Split embeddings (T, D) of this judge into those of its members; a single embedder is its only member."""
        return (embeddings,)


def check_embedding(embedding: Tensor, what: str, name: str) -> None:
    """Raise a ValueError when an embedding (D,) is all zeros or not finite."""
    if not bool(embedding.isfinite().all()):
        raise ValueError(f"{name} answers {what} with values that are no numbers; load it in fp32, or get it again")
    if not bool(embedding.any()):
        raise ValueError(f"{what} is nothing at all to {name} (an embedding of zeros); ask for something else")
