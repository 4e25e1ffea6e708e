"""The architecture of docs/architecture.md: who imports whom, who knows ComfyUI, and which tests are where."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import das_core
import direct_ascent
from cases import each_case

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = ("das_core", "nodes")
ABOUT_ALL_NODES = {Path("nodes/test_documentation.py"), Path("nodes/test_workflow_files.py")}
RUNTIME = {"comfy", "comfy_execution", "comfy_extras", "execution", "folder_paths", "nodes", "server"}
"""ComfyUI's own modules. `comfy_api`, which schemas are written in, is what it offers to packs."""


def find_files(folder: str, pattern: str) -> set[Path]:
    """Python files below a folder of the repository, relative to that folder's parent."""
    home = ROOT / folder
    return {path.relative_to(home.parent) for path in home.rglob(pattern)}


def absolute_imports(path: Path) -> Iterator[str]:
    """The top packages that a file imports by their absolute names."""
    for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(part, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            yield part.module.partition(".")[0]


def test_imports_keep_the_contracts() -> None:
    # In a process of its own: it turns off the loggers that there are.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")])}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # No layer of docs/architecture.md is without its contract.
    (core,) = [contract for contract in CONFIG["tool"]["importlinter"]["contracts"] if contract["id"] == "core-layers"]
    named = {name for layer in core["layers"] for name in layer.split(" | ")}
    assert named == {path.name for path in (ROOT / "das_core").iterdir() if (path / "__init__.py").is_file()}


def test_only_the_bridge_knows_the_runtime_of_comfyui() -> None:
    knowing = {path for path in find_files("nodes", "*.py") if RUNTIME & set(absolute_imports(ROOT / path))}
    assert knowing
    assert {path.parent for path in knowing} == {Path("nodes/bridge")}


@each_case("folder", *SOURCES)
def test_tests_have_the_folders_of_the_sources_and_the_names_of_source_files(folder: str) -> None:
    sources = {path.with_name(f"test_{path.name}") for path in find_files(folder, "*.py") if path.name != "__init__.py"}
    tests = find_files(f"tests/{folder}", "test_*.py") - ABOUT_ALL_NODES
    assert tests <= sources
    assert {path.parent for path in tests} | {Path(folder)} == {path.parent for path in sources} | {Path(folder)}


def test_the_library_tells_the_version_of_the_distribution() -> None:
    assert das_core.__version__ == direct_ascent.__version__ == CONFIG["project"]["version"]


def test_the_library_is_folders_only_and_all_of_them_are_installed() -> None:
    assert [path.name for path in (ROOT / "das_core").glob("*.py")] == ["__init__.py"]
    setuptools = CONFIG["tool"]["setuptools"]
    folders = {path.parent for path in find_files("das_core", "__init__.py")}
    assert set(setuptools["packages"]) == {".".join(folder.parts) for folder in folders} | {"direct_ascent"}
    data = {
        path for name, globs in setuptools["package-data"].items() for one in globs for path in (ROOT / name).glob(one)
    }
    others = {
        path
        for path in find_files("das_core", "*")
        if path.suffix in (".toml", ".txt", ".jpg", ".html", ".css", ".js", ".safetensors")
    }
    assert data == {ROOT / package / "py.typed" for package in ("das_core", "direct_ascent")} | {
        ROOT / one for one in others
    }


def test_the_dataclasses_of_the_library_are_frozen() -> None:
    # What travels through sockets, or is kept by a caller, must not change under his hands.
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(das_core.__path__, "das_core.")]
    classes = {item for module in modules for item in vars(module).values() if inspect.isclass(item)}
    owned = [item for item in classes if is_dataclass(item) and item.__module__.startswith("das_core.")]
    assert len(owned) > 50
    assert not [item for item in owned if not item.__dataclass_params__.frozen]  # type: ignore[attr-defined]
