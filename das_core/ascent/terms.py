"""The reference images of terms, and checks of their scores: users can write terms of their own, with mistakes."""

from typing import Any

from torch import Tensor

from ..common.images import place_on_canvas
from ..models.layers.activations import ActivationJudge
from ..objectives.term import Term
from ..stack.image_stack import ImageStack
from ..views.pyramid import Pyramid


def place_references(name: str, term: Term, stack: ImageStack, batch: int) -> tuple[Pyramid, ...]:
    """Return the reference images of a term on canvases like those of the stack, so that views can be cut from them.

    Each tensor of `term.references` becomes one `Pyramid` of `batch` canvases. They show the `batch` images of the
    tensor or, if it has a single image, all show this image. An image is resized to cover the picture, and the margin
    is filled with its reflection or, if the margin is too wide for that, with its border pixels.

    Args:
        name: the name of the term in the ascent.
        term: the term; it may have no reference images.
        stack: gives the size of the picture, the margin and the device.
        batch: the number of images that views can show; in a zoom, these are moments.

    Raises:
        ValueError: when a tensor of `term.references` holds neither one image nor `batch` images; or when there are
            reference images, and the judge of the term does not answer with activations.
    """
    spec, device = stack.spec, stack.canvas.device
    images = term.references
    if images and not isinstance(term.judge, ActivationJudge):
        raise ValueError(f"'{name}' compares with reference images, which takes a judge that tells its activations")
    canvases = []
    for image in images:
        if len(image) not in (1, batch):
            raise ValueError(f"{len(image)} images to compare with do not go with {_describe_wanted(stack, batch)}")
        canvas = place_on_canvas(image.to(device), (spec.height, spec.width), spec.margin)
        canvases.append(Pyramid(canvas.expand(batch, -1, -1, -1)))
    return tuple(canvases)


def _describe_wanted(stack: ImageStack, batch: int) -> str:
    """Return the end of an error message."""
    spec = stack.spec
    if spec.zoom is not None:
        depths = f"a zoom of {spec.zoom.depths} depths, which models are shown at {batch} moments"
        return f"{depths}: use 1, or {batch}, one for each moment"
    if spec.time is not None and batch > 1:
        return f"a film of {batch} frames: use 1, or {batch}, one for each frame"
    return "a stack of 1 image: use 1" if batch == 1 else f"a stack of {batch} images: use 1 or {batch}"


def score_term(name: str, term: Term, output: Any, images: Tensor) -> Tensor:
    """Return the scores of a term: one for each view, (V,), or for each image if the term has no judge.

    Args:
        name: the name of the term in the ascent.
        term: the term.
        output: the output of the term's judge for the views; `CanvasPixels` if the term has no judge.
        images: for each view, the number (from 0) of the image that it shows, (V,). If the term has no judge, the
            numbers of the images that are scored.

    Raises:
        ValueError: when `Term.score` returns anything but a float tensor with one number for each entry of `images`.
    """
    score, count = term.score(output, images), len(images)
    if not isinstance(score, Tensor) or score.shape != (count,) or not score.is_floating_point():
        found = f"{score.dtype}, {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        what = "image" if term.judge is None else "view"
        raise ValueError(
            f"'{name}' scores {count} {what}s with {found}; its score must be a float tensor ({count},), one "
            f"number for each {what}"
        )
    return score
