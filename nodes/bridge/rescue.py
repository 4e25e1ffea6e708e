"""What is kept of an ascent that fails: image, frames, scores, and the stack, from which another one goes on."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Any

import folder_paths
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from ...das_core.ascent.result import Record
from ...das_core.common.text import shorten
from ...das_core.report.history import tabulate_history
from ...das_core.stack.image_stack import ImageStack
from .stack_folders import save_new_stack

_NAME = "direct_ascent_last_good"


def rescue(stack: ImageStack, frames: Sequence[Tensor] = (), history: Sequence[Record] = ()) -> str:
    """Save what a failed run has reached into ComfyUI's output folder, and return what to say of it.

    Args:
        stack: the last good stack, on any device.
        frames: the batches of pictures (B, 3, H, W), 0..1, that were kept on the way.
        history: the records of the steps that were done.

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
    if frames:
        said.insert(0, _try(lambda: _save_frames(frames), "Its frames"))
    if history:
        said.insert(0, _try(lambda: f"Its scores were saved as {_save_history(history)}.", "Its scores"))
    return " ".join(reversed(said))


def _try(save: Callable[[], str], what: str) -> str:
    """Return what saving says, or why it failed: a full disk, or memory that ran out."""
    try:
        return save()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        return f"{what} could not be saved ({shorten(str(error), 200)})."


def _save_frames(frames: Sequence[Tensor]) -> str:
    """Save the frames as images, and return what to say of them."""
    names = [name for batch in frames for name in _save_images(batch, f"{_NAME}_frame")]
    return f"Its {len(names)} frames were saved as {names[0]} and on."


def _save_images(images: Tensor, prefix: str = _NAME) -> list[str]:
    """Save images under numbers that are free, and return the name of every file, relative to the output folder."""
    pictures = [to_pil_image(image.detach().cpu()) for image in images]
    return _save_new_files(prefix, ".png", [partial(picture.save, format="PNG") for picture in pictures])


def _save_history(history: Sequence[Record]) -> str:
    """Save the scores of every step as a table, and return the name of the file, relative to the output folder."""
    table = tabulate_history(history).encode()
    (name,) = _save_new_files(_NAME, ".csv", [lambda out: out.write(table)])
    return name


def _save_new_files(prefix: str, suffix: str, writers: Sequence[Callable[[IO[bytes]], Any]]) -> list[str]:
    """Write files under numbers that are free, and return the name of each, relative to the output folder."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    saved = []
    for write in writers:
        while True:
            file = f"{name}_{counter:05}_{suffix}"
            counter += 1
            try:
                # Another process may have taken the number meanwhile.
                with open(os.path.join(folder, file), "xb") as out:
                    write(out)
            except FileExistsError:
                continue
            saved.append(os.path.join(subfolder, file))
            break
    return saved
