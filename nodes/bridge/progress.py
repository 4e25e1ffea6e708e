"""Progress bar, live preview and cancel of the node that runs now."""

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

_PREVIEWED = 4


def check_interrupted() -> None:
    """Raise ComfyUI's own exception if the user pressed cancel."""
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """The progress bar of the node that runs now, with a live preview of batches (B, 3, H, W)."""

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)

    def update(self, done: int, total: int | None = None, image: Tensor | None = None) -> None:
        """Show that `done` steps are done, and an image if there is one; raises when the user pressed cancel."""
        check_interrupted()
        preview = None if image is None else ("JPEG", _contact(image), None)
        self._bar.update_absolute(done, total, preview)


def _contact(images: Tensor) -> Image.Image:
    shown = images[:_PREVIEWED].detach().cpu()
    picture: Image.Image = to_pil_image(make_grid(shown, nrow=2, padding=2) if len(shown) > 1 else shown[0])
    return picture
