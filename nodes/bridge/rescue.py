"""Saves the results of an ascent that fails: image, frames, scores, and the stack, from which an ascent can go on."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import folder_paths
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from ...das_core.ascent.result import Record
from ...das_core.common.files import write_atomically
from ...das_core.common.text import shorten
from ...das_core.report.history import tabulate_history
from ...das_core.stack.image_stack import ImageStack
from .stack_folders import save_new_stack

_NAME = "direct_ascent_last_good"


def rescue(stack: ImageStack, frames: Sequence[Tensor] = (), history: Sequence[Record] = ()) -> str:
    """Save the results of a failed run in ComfyUI's output folder; return sentences that say so, or why it failed."""
    # The stack is saved first, because it is the most valuable, and memory or disk space may not suffice for the rest.
    # The message names the image first.
    stack_said = _try(lambda: _save_stack(stack), "Its stack")
    said = [_try(lambda: _save_last_image(stack), "The last good image"), stack_said]
    if frames:
        said.append(_try(lambda: _save_frames(frames), "Its frames"))
    if history:
        said.append(_try(lambda: _save_history(history), "Its scores"))
    return " ".join(said)


def _try(save: Callable[[], str], what: str) -> str:
    """Call `save` and return its sentence; if it fails, return a sentence about `what` that says why."""
    try:
        return save()
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        return f"{what} could not be saved ({shorten(str(error), 400)})."


def _save_stack(stack: ImageStack) -> str:
    """Save a stack, and return a sentence that names its file."""
    name = save_new_stack(stack, _NAME)
    return f"Its stack was saved as '{name}': Load Stack and another Direct Ascent Optimize go on from it."


def _save_last_image(stack: ImageStack) -> str:
    """Save the images of a stack, and return a sentence that names their files."""
    names = _save_images(stack.image(), _NAME)
    return f"The last good image was saved in the output folder as {', '.join(names)}."


def _save_frames(frames: Sequence[Tensor]) -> str:
    """Save the frames as images, and return a sentence that names the first file."""
    names = [name for batch in frames for name in _save_images(batch, f"{_NAME}_frame")]
    return f"Its {len(names)} frames were saved as {names[0]} and on."


def _save_history(history: Sequence[Record]) -> str:
    """Save the scores of every step as a table, and return a sentence that names its file."""
    table = tabulate_history(history)
    (name,) = _save_new_files(_NAME, ".csv", [lambda path: path.write_text(table, encoding="utf-8")])
    return f"Its scores were saved as {name}."


def _save_images(images: Tensor, prefix: str) -> list[str]:
    """Save images (B, 3, H, W), 0..1, and return the name of every file, relative to the output folder."""
    pictures = [to_pil_image(image.detach().cpu()) for image in images]
    return _save_new_files(prefix, ".png", [partial(picture.save, format="PNG") for picture in pictures])


def _save_new_files(prefix: str, suffix: str, writers: Sequence[Callable[[Path], Any]]) -> list[str]:
    """Call each writer with the path of a new file, such as "prefix_00001_.png"; return the names below the output."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    Path(folder).mkdir(parents=True, exist_ok=True)
    saved = []
    for write in writers:
        while True:
            file = f"{name}_{counter:05}_{suffix}"
            counter += 1
            try:
                # Another process may have taken the number meanwhile.
                with write_atomically(Path(folder, file), replace=False) as part:
                    write(part)
            except FileExistsError:
                continue
            saved.append(str(Path(subfolder, file)))
            break
    return saved
