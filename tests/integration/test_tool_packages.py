"""The packages in tools/: which may import which, without circles, and a test file for each source file."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
MODULES = {path.relative_to(TOOLS).with_suffix(""): path for path in sorted(TOOLS.rglob("*.py"))}
ALLOWED = {"run_workflow": {"runner"}, "generators": {"harness", "runner"}, "harness": set(), "runner": set()}


def imports(path: Path) -> Iterator[str]:
    """The dotted names of all modules that a file imports, those of tools/ and others."""
    for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(part, ast.ImportFrom) and part.module:
            yield part.module
            yield from (f"{part.module}.{alias.name}" for alias in part.names)
        elif isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_package_imports_only_those_below_it(module: Path) -> None:
    package = module.parts[0]
    used = {name.partition(".")[0] for name in imports(MODULES[module])} & ALLOWED.keys()
    assert used <= ALLOWED[package] | {package}


def test_no_imports_form_a_circle() -> None:
    names = {".".join(module.parts): path for module, path in MODULES.items()}
    graph = {name: {used for used in imports(path) if used in names} for name, path in names.items()}
    assert any(graph.values())
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", [module for module in MODULES if module.name != "__init__"], ids=str)
def test_a_source_file_has_a_test_file_of_its_name(module: Path) -> None:
    assert (ROOT / "tests" / "tools" / module.parent / f"test_{module.name}.py").is_file()


def test_a_test_file_has_a_source_file_of_its_name() -> None:
    tests = ROOT / "tests" / "tools"
    found = {path.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert found == {module.parent / f"test_{module.name}.py" for module in MODULES if module.name != "__init__"}
