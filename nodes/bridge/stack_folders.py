"""ComfyUI's folders of stack files: below its output folder, where stacks are saved, and below its input folder.

The name of a stack file in the list of Load Stack is its path below one of the two folders; names of files in the
output folder end with ' [output]'.
"""

from pathlib import Path

import folder_paths

from ...das_core.stack.file import SUFFIX

STACKS = "stacks"
"""The folder of stack files, below ComfyUI's output folder and below its input folder."""

# As ComfyUI marks names of files in the output folder; names without a mark lie in the input folder.
_OUTPUT = " [output]"


def choose_stack_path(prefix: str) -> Path:
    """Return the path for the next stack with this prefix, under a number that is free, and make its folder.

    Args:
        prefix: a name, or a subfolder of the folder of stacks and a name, such as 'night/castle'.

    Raises:
        ValueError: when the prefix leads out of the folder of stacks, or names no file.
    """
    output = folder_paths.get_output_directory()
    home = (Path(output) / STACKS).resolve()
    usable = prefix.strip() and "\0" not in prefix and not prefix.endswith(("/", "\\"))
    if not usable or home not in (home / prefix).resolve().parents:
        raise ValueError(
            f"filename_prefix {prefix!r} leaves the folder {home}, or names no file in it: write a name such as "
            "'castle', or a subfolder and a name such as 'night/castle'"
        )
    # Joined as a path, so that separators are the system's own: ComfyUI compares it with absolute paths.
    folder, name, counter, _, _ = folder_paths.get_save_image_path(str(Path(STACKS) / prefix), output)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{SUFFIX}"


def name_stack_file(path: Path) -> str:
    """Return the name that a stack file has in the list of Load Stack.

    Args:
        path: a file below the folder of stacks in the output folder.
    """
    home = Path(folder_paths.get_output_directory()) / STACKS
    return path.relative_to(home).as_posix() + _OUTPUT


def list_stack_files() -> list[str]:
    """Return the names of all stack files: those of the input folder, then the output folder's, each newest first."""
    return [
        file.relative_to(home).as_posix() + mark
        for home, mark in _list_homes()
        for file in sorted(home.rglob(f"*{SUFFIX}"), key=lambda file: -file.stat().st_mtime_ns)
    ]


def find_stack_file(name: str) -> Path:
    """Return the path of a stack file.

    Args:
        name: one of the names that `list_stack_files` returns.

    Raises:
        ValueError: when `name` is none of them, or a link that leads out of the folder.
    """
    # Check output first: the input folder's suffix is '' and would match every name.
    for home, mark in reversed(_list_homes()):
        if name.endswith(mark) and name in list_stack_files():
            path = (home / name.removesuffix(mark)).resolve()
            if path.is_relative_to(home.resolve()):
                return path
            break
    homes = " or ".join(str(home) for home, _ in _list_homes())
    raise ValueError(f"no stack file '{name}' lies in {homes}; save one with Save Stack, or put one there, and refresh")


def _list_homes() -> list[tuple[Path, str]]:
    """Return the two folders of stack files, each with the mark at the end of the names in it."""
    folders = ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), _OUTPUT))
    return [(Path(folder) / STACKS, mark) for folder, mark in folders]
