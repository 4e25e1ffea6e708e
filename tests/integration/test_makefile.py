"""The Makefile: an installation that fails is not taken for one that is there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repository import REPOSITORY

PYTHON = """#!/bin/sh
# Prints for -c, and cannot install.
test "$1" = -c && echo ray
"""


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_a_failed_installation_is_tried_again(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-library.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / ".venv" / "ready").touch()
    # As on a command line, also where make itself runs the tests.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    for _ in range(2):
        done = subprocess.run(["make", "sweep"], cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "pip install" in done.stdout.splitlines()[-1]
        assert not (tmp_path / ".venv" / "sweep-ready").exists()
