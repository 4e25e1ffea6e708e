"""The version of a node pack, for the table of results."""

import subprocess
import tomllib
from pathlib import Path

from sweeper.errors import SweepError


def describe_pack(folder: Path) -> str:
    """Return the version of a pack, and its commit if the folder is a Git clone, such as "0.2.0 78ebe11".

    If pyproject.toml of the pack gives no version, the version is left out.

    Raises:
        SweepError: pyproject.toml of the pack is no TOML.
    """
    path = folder / "pyproject.toml"
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project") if path.is_file() else None
    except ValueError as error:
        raise SweepError(f"{path} is no TOML: {error}") from error
    version = str(project.get("version", "")) if isinstance(project, dict) else ""
    # `git -C` would also find a repository around the folder, such as a clone of ComfyUI.
    if not (folder / ".git").exists():
        return version
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git here
        return version
    return f"{version} {answer.stdout.strip()}".strip()
