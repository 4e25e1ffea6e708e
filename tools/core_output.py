"""Where the nodes that save put their files."""

from __future__ import annotations

from pathlib import Path

import folder_paths


def free_file(prefix: str, width: int, height: int, suffix: str) -> tuple[Path, dict[str, str]]:
    """Return the path of the first free number in the output folder, and how ComfyUI's history names that file.

    Raises:
        ValueError: the prefix leads out of the output folder.
    """
    output = Path(folder_paths.get_output_directory())
    if not (output / prefix).resolve().is_relative_to(output.resolve()):
        raise ValueError(
            f"filename_prefix = {prefix!r} leaves the output folder {output}; name a file or a subfolder in it"
        )
    folder, name, number, subfolder, _ = folder_paths.get_save_image_path(prefix, str(output), width, height)
    file = f"{name}_{number:05}_.{suffix}"
    return Path(folder) / file, {"filename": file, "subfolder": subfolder, "type": "output"}
