"""The reference images of terms, and checks of their scores: users can write terms of their own, with mistakes."""

from typing import Any

from torch import Tensor

from ..common.images import place_on_canvas
from ..models.layers.activations import ActivationJudge
from ..objectives.term import Term
from ..stack.image_stack import ImageStack
from ..views.pyramid import Pyramid


def place_references(name: str, term: Term, stack: ImageStack, batch: int) -> tuple[Pyramid, ...]:
    """Return the reference images of a term as pyramids of `batch` canvases like those of the stack."""
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
    """Return the checked scores of a term: one for each view, (V,), or for each image if the term has no judge."""
    score, count = term.score(output, images), len(images)
    if not isinstance(score, Tensor) or score.shape != (count,) or not score.is_floating_point():
        found = f"{score.dtype}, {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        what = "image" if term.judge is None else "view"
        raise ValueError(
            f"'{name}' scores {count} {what}s with {found}; its score must be a float tensor ({count},), one "
            f"number for each {what}"
        )
    return score
