"""Progress bar, live preview and cancel button of the node that is running."""

import comfy.model_management as mm
import comfy.utils
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

_PREVIEW_COUNT = 4
"""Maximum number of images of a batch that a preview shows, two by two."""


def check_interrupted() -> None:
    """Raise an exception when the user has pressed cancel.

    Raises:
        comfy.model_management.InterruptProcessingException: when the run is to be cancelled; ComfyUI catches it.
    """
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """The progress bar of the node that is running, with a live preview.

    Args:
        total: the number of steps of the whole run.
    """

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)

    def update(self, done: int, total: int | None = None, image: Tensor | None = None) -> None:
        """Move the bar, and show a preview if there is one.

        Args:
            done: the number of steps that are done.
            total: the number of steps of the whole run, where it has changed.
            image: what to show over the node, (B, 3, H, W), 0..1; of a batch the first four.

        Raises:
            comfy.model_management.InterruptProcessingException: when the user has pressed cancel.
        """
        check_interrupted()
        preview = None if image is None else ("JPEG", _make_preview(image), None)
        self._bar.update_absolute(done, total, preview)


def _make_preview(images: Tensor) -> Image.Image:
    """Return one image as it is, and the first four of a batch as a contact sheet."""
    first = images[:_PREVIEW_COUNT].detach().cpu()
    picture: Image.Image = to_pil_image(make_grid(first, nrow=2, padding=2) if len(first) > 1 else first[0])
    return picture
