"""Fixtures for the tests of tools/: `pack`, a toy node pack, and `run`, which writes a workflow file and runs it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import run_workflow


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toy pack; a Python module could not have its name."""
    folder = tmp_path_factory.mktemp("packs") / "toy-pack v3.1"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("toy_nodes.py"), folder / "__init__.py")
    return folder


@dataclass
class Result:
    """The exit code of a run, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def files(self) -> list[str]:
        """The paths of the PNGs that were saved."""
        return [line for line in self.out.splitlines() if line.endswith(".png")]

    def pixels(self, number: int = 0) -> np.ndarray:
        return np.asarray(Image.open(self.files[number]))


@pytest.fixture
def run(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """A function that runs nodes, each (class, inputs) or (class, inputs, title), in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(nodes: dict[str, tuple[Any, ...]], *arguments: str) -> Result:
        prompt = {
            node_id: {"class_type": class_type, "inputs": inputs} | ({"_meta": {"title": title[0]}} if title else {})
            for node_id, (class_type, inputs, *title) in nodes.items()
        }
        Path("workflow.json").write_text(json.dumps(prompt))
        code = run_workflow.main(["workflow.json", "--pack", str(pack), *arguments])
        return Result(code, *capsys.readouterr())

    return run
