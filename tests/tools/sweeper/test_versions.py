"""The version of the pack."""

import subprocess
from pathlib import Path

import pytest

from cases import each_case
from repository import REPOSITORY
from sweeper.errors import SweepError
from sweeper.versions import describe_pack


def test_a_clone_has_a_version_and_a_commit() -> None:
    version, *commit = describe_pack(REPOSITORY).split()
    assert f'version = "{version}"' in (REPOSITORY / "pyproject.toml").read_text()
    if (REPOSITORY / ".git").exists():
        head = subprocess.run(
            ["git", "-C", REPOSITORY, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        assert head.stdout.startswith(commit[0].removesuffix("-dirty"))


def test_a_folder_that_is_no_clone_has_its_version_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_pack(tmp_path) == ""
    for without in ("[tool.ruff]\nline-length = 120\n", "project = 1", "[[project]]"):
        (tmp_path / "pyproject.toml").write_text(without)
        assert describe_pack(tmp_path) == ""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2"')
    assert describe_pack(tmp_path) == "1.2"
    # Nor does the commit of a repository around the folder count, such as that of a clone of ComfyUI.
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    inner = tmp_path / "custom_nodes" / "pack"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text('[project]\nversion = "1.2"')
    assert describe_pack(inner) == "1.2"
    monkeypatch.setenv("PATH", "")
    assert describe_pack(tmp_path) == "1.2"


@each_case("damaged", [b"x = [", b"\xff"])
def test_a_damaged_pyproject_is_named(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(damaged)
    with pytest.raises(SweepError, match=r"pyproject\.toml is no TOML: "):
        describe_pack(tmp_path)
