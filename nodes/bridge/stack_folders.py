"""The border to ComfyUI for stack files: where they may lie, and what they are called there."""

from pathlib import Path

import folder_paths

from ...das_core.stack.file import SUFFIX

STACKS = "stacks"
"""The folder of stack files, below ComfyUI's output folder and below its input folder."""

# ComfyUI's own mark of names that lie in the output folder; names without one lie in the input folder.
_OUTPUT = " [output]"


def choose_stack_path(prefix: str) -> Path:
    """Where the next stack of this name is to be saved, under a number that is free; its folder is made.

    ValueError when the prefix leads out of the folder of stacks.
    """
    output = folder_paths.get_output_directory()
    home = (Path(output) / STACKS).resolve()
    usable = prefix.strip() and "\0" not in prefix and not prefix.endswith(("/", "\\"))
    if not usable or home not in (home / prefix).resolve().parents:
        raise ValueError(
            f"filename_prefix {prefix!r} leaves the folder {home}, or names no file in it: write a name such as "
            "'castle', or a subfolder and a name such as 'night/castle'"
        )
    # A path, not a text with '/': ComfyUI compares it with what the system calls it.
    folder, name, counter, _, _ = folder_paths.get_save_image_path(str(Path(STACKS) / prefix), output)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{SUFFIX}"


def name_stack_file(path: Path) -> str:
    """What a file in the output folder is called in the list of Load Stack."""
    home = Path(folder_paths.get_output_directory()) / STACKS
    return path.relative_to(home).as_posix() + _OUTPUT


def list_stack_files() -> list[str]:
    """The names of the files in the folders of stacks: those of the input folder, then the output's; newest first."""
    return [
        file.relative_to(home).as_posix() + mark
        for home, mark in _homes()
        for file in sorted(home.rglob(f"*{SUFFIX}"), key=lambda file: -file.stat().st_mtime_ns)
    ]


def find_stack_file(name: str) -> Path:
    """The path of one of them; ValueError when there is none of that name."""
    for home, mark in reversed(_homes()):
        if name.endswith(mark) and name in list_stack_files():
            path = (home / name.removesuffix(mark)).resolve()
            if path.is_relative_to(home.resolve()):
                return path
            break
    homes = " or ".join(str(home) for home, _ in _homes())
    raise ValueError(f"no stack file '{name}' lies in {homes}; save one with Save Stack, or put one there, and refresh")


def _homes() -> list[tuple[Path, str]]:
    """The folders of stacks, with the mark that names in them have."""
    folders = ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), _OUTPUT))
    return [(Path(folder) / STACKS, mark) for folder, mark in folders]
