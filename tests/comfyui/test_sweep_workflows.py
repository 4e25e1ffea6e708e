"""A picture of a sweep, and its workflow from the page of the sweep, dropped onto the page of ComfyUI."""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from harness.page import export_api, load_api
from repository import REPOSITORY

pytest.importorskip("ray")
pytest.importorskip("pyarrow")
pytest.importorskip("yaml")

PROCESS_SECONDS = 600.0
"""The time limit for the sweep; a busy machine takes long to start Ray and to import PyTorch."""

GRID = """
workflow: {workflow}
only: Save Image
set: {{DAS_ImageStack.width: 64, DAS_ImageStack.height: 64, DAS_ImageStack.details.margin: 16,
       DAS_Augmentation.views: 2, DAS_Optimize.recipe.steps: 2}}
axes:
  DAS_ClassObjective.classes: [volcano]
  DAS_Optimize.seed: [41]
  DAS_Optimize.recipe.optimizer.step_size: [0.07]
  DAS_ImageStack.details.color: [rgb]
"""

SETTINGS: dict[str, dict[str, Any]] = {
    "DAS_ClassObjective": {"classes": "volcano"},
    "DAS_Optimize": {"seed": 41, "recipe.steps": 2, "recipe.optimizer.step_size": 0.07},
    "DAS_ImageStack": {"details.color": "rgb", "width": 64, "height": 64, "details.margin": 16},
    "DAS_Augmentation": {"views": 2},
}
"""What the only cell of the grid sets, by the class of the node."""

DROP = """([name, type, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], name, { type }))
    const place = { bubbles: true, cancelable: true, clientX: 800, clientY: 450, dataTransfer }
    for (const kind of ['dragenter', 'dragover', 'drop'])
        document.getElementById('graph-canvas').dispatchEvent(new DragEvent(kind, place))
}"""


@dataclass(frozen=True)
class Swept:
    """What a sweep of one cell has left.

    Args:
        picture: the PNG file.
        page: the sweep's own page.
    """

    picture: Path
    page: Path


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """The results of a sweep of one small cell, by the command line."""
    home = tmp_path_factory.mktemp("sweep")
    workflow = REPOSITORY / "example_workflows" / "sweeps" / "small.json"
    (home / "grid.yaml").write_text(GRID.format(workflow=json.dumps(str(workflow))))
    command: list[str | Path] = [
        sys.executable,
        REPOSITORY / "tools" / "sweep.py",
        "grid.yaml",
        "--results",
        "results",
        "--workers",
        "1",
    ]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=PROCESS_SECONDS)
    assert done.returncode == 0, done.stderr
    (picture,) = (home / "results" / "cells").glob("*/*/*.png")
    return Swept(picture, home / "results" / "index.html")


def drop(page: Page, file: Path, kind: str) -> dict[str, Any]:
    """Drop a file onto the canvas, and return the workflow in API format that is there then."""
    load_api(page, {"1": {"class_type": "PreviewImage", "inputs": {}}}, "before")
    page.evaluate(DROP, [file.name, kind, base64.b64encode(file.read_bytes()).decode()])
    page.wait_for_function("app.graph.nodes.some((node) => node.type === 'DAS_Optimize')")
    return export_api(page)


def check_settings(exported: dict[str, Any]) -> None:
    for class_type, wanted in SETTINGS.items():
        (node,) = (node for node in exported.values() if node["class_type"] == class_type)
        assert {name: node["inputs"][name] for name in wanted} == wanted


def test_a_picture_that_is_dropped_is_the_workflow_of_its_cell(page: Page, swept: Swept) -> None:
    exported = drop(page, swept.picture, "image/png")
    check_settings(exported)
    with Image.open(swept.picture) as picture:
        assert exported == json.loads(picture.info["prompt"])


def test_a_workflow_from_the_page_that_is_dropped_is_that_of_its_cell(
    browser: Browser, page: Page, swept: Swept, tmp_path: Path
) -> None:
    own = browser.new_page()
    own.goto(swept.page.as_uri())
    own.locator(".card").click()
    with own.expect_download() as waiting:
        own.click("text=Workflow (JSON)")
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    own.close()
    exported = drop(page, file, "application/json")
    check_settings(exported)
    assert exported == json.loads(file.read_text(encoding="utf-8"))
