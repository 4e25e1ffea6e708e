"""Make an image look like another, to a CLIP: not its pixels, but what the model sees in them."""

from dataclasses import dataclass

from torch import Tensor

from ..models.clip import CLIP
from .embedding import EmbeddingObjective, Similarity


@dataclass(frozen=True)
class ImageObjective(EmbeddingObjective):
    """The similarity to the embeddings of some images; see `image_objective`."""


def image_objective(
    clip: CLIP, images: Tensor, similarity: Similarity = "cosine", weight: float = 1.0
) -> ImageObjective:
    """An objective whose targets are images (B, 3, H, W), 0..1, each seen whole, as the model was trained to see them.

    Each counts fully: two images pull twice as hard as one. ValueError says what is wrong with an image.
    """
    targets = clip.encode_images(images).cpu()
    name = "image" if len(targets) == 1 else f"{len(targets)} images"
    return ImageObjective(clip, targets, (1.0,) * len(targets), name, similarity, weight)
