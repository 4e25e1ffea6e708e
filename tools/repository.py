"""The path of the repository on the disk."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]  # folder of the repository, which is also the folder of the node pack
