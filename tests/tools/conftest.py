"""Fixtures for the tools: a toy node pack, and `run`, which writes a workflow file and runs it."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# The scripts in tools/ are no package: they import each other by plain name, and so do the tests here.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import run_workflow


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose folder has a name that no Python module could have."""
    folder = tmp_path_factory.mktemp("packs") / "toy-pack v3.1"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("toy_nodes.py"), folder / "__init__.py")
    return folder


@dataclass
class Result:
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def files(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.endswith(".png")]


@pytest.fixture
def run(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Run nodes, each (class, inputs) or (class, inputs, title), in an empty directory, with further arguments."""
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
