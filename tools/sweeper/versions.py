"""Which version of the pack runs."""

import subprocess
import tomllib
from pathlib import Path


def describe_pack(folder: Path) -> str:
    """Return the version of a pack, and its commit if the folder is a Git clone, such as "0.2.0 78ebe11".

    If the pack gives no version, it is left out.
    """
    project = folder / "pyproject.toml"
    content = tomllib.loads(project.read_text(encoding="utf-8")) if project.is_file() else {}
    version = str(content.get("project", {}).get("version", ""))
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git here
        return version
    return f"{version} {answer.stdout.strip()}".strip()
