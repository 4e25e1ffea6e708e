"""What is kept of an ascent that fails: its last good image, and its stack, from which another one goes on."""

import os

import folder_paths
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from ...das_core.stack.image_stack import ImageStack
from .stack_folders import save_new_stack

_NAME = "direct_ascent_last_good"


def rescue(images: Tensor, stack: ImageStack) -> str:
    """Save the images and the stack of a failed run into ComfyUI's output folder, and return what to say of it.

    Args:
        images: the last good images, (B, 3, H, W), 0..1, on any device.
        stack: the stack that shows them.

    Returns:
        Sentences that name the files, or say why there are none; the error of the run must not get lost in another.
    """
    try:
        files = ", ".join(_save_images(images))
        file = save_new_stack(stack, _NAME)
    except (OSError, ValueError) as error:
        return f"The last good image could not be saved ({error})."
    return (
        f"The last good image was saved in the output folder as {files}, and its stack as '{file}': Load Stack and "
        "another Optimize go on from it."
    )


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
