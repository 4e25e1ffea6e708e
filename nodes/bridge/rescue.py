"""What is kept of an ascent that fails: its last good image, and its stack, from which another one goes on."""

import os
from collections.abc import Callable

import folder_paths
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from ...das_core.common.text import shorten
from ...das_core.stack.image_stack import ImageStack
from .stack_folders import save_new_stack

_NAME = "direct_ascent_last_good"


def rescue(stack: ImageStack) -> str:
    """Save the stack of a failed run and its images into ComfyUI's output folder, and return what to say of it.

    Args:
        stack: the last good stack, on any device.

    Returns:
        Sentences that name the files, or say why there are none; the error of the run must not get lost in another.
    """
    # The stack first: it is worth more, and memory for its images may be short.
    said = [
        _try(
            lambda: (
                f"Its stack was saved as '{save_new_stack(stack, _NAME)}': Load Stack and another Optimize go on "
                "from it."
            ),
            "Its stack",
        ),
        _try(
            lambda: f"The last good image was saved in the output folder as {', '.join(_save_images(stack.image()))}.",
            "The last good image",
        ),
    ]
    return " ".join(reversed(said))


def _try(save: Callable[[], str], what: str) -> str:
    """Return what saving says, or why it failed: a full disk, or memory that ran out."""
    try:
        return save()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        return f"{what} could not be saved ({shorten(str(error), 200)})."


def _save_images(images: Tensor) -> list[str]:
    """Save images under numbers that are free, and return the name of every file, relative to the output folder."""
    height, width = images.shape[2:]
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        _NAME, folder_paths.get_output_directory(), width, height
    )
    saved = []
    for image in images:
        picture = to_pil_image(image.detach().cpu())
        while True:
            file = f"{name}_{counter:05}_.png"
            counter += 1
            try:
                # Another process may have taken the number meanwhile.
                with open(os.path.join(folder, file), "xb") as out:
                    picture.save(out, "PNG")
            except FileExistsError:
                continue
            saved.append(os.path.join(subfolder, file))
            break
    return saved
