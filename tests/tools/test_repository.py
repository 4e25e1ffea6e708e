"""Where the repository is."""

import tomllib

from repository import REPOSITORY


def test_the_repository_is_the_folder_of_the_pack() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "direct-ascent"
    assert "comfy_entrypoint" in (REPOSITORY / "__init__.py").read_text(encoding="utf-8")
