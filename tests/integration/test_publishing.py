"""What is published: what the archive for ComfyUI's registry holds, and what the workflow that publishes does."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from repository import REPOSITORY
from runner.node_classes import load_pack_without_models

SCRIPTS = re.compile(r"\beval\s*\(|\bnew\s+Function\b|\bimport\s*\(\s*[^\"'./\s]")


def list_files(*arguments: str) -> set[str]:
    """The tracked files of the repository."""
    command = ["git", "ls-files", "-z", *arguments]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip(f"this is no clone: {answer.stderr.strip()}")
    return set(filter(None, answer.stdout.split("\0")))


@pytest.fixture(scope="module")
def shipped() -> list[str]:
    """The files of the archive: `comfy node pack` takes what git tracks and .comfyignore does not name."""
    return sorted(list_files() - list_files("--cached", "--ignored", "--exclude-from=.comfyignore"))


def find_dangers(*files: Path) -> str:
    """What Python sources do that the registry forbids: run texts as code, start processes, install packages."""
    modules = ("subprocess", "pip", "ensurepip", "pty", "runpy", "code")
    banned = ", ".join(f"{name} = {{ msg = 'not in a pack' }}" for name in modules)
    config = ["--isolated", "--config", f"lint.flake8-tidy-imports.banned-api = {{ {banned} }}", "--ignore-noqa"]
    command = [sys.executable, "-m", "ruff", "check", *config, "--select", "S102,S307,S605,S606,TID251"]
    return subprocess.run([*command, *files], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout


def test_dangers_are_found_and_harmless_names_are_not(tmp_path: Path) -> None:
    dangers = ["eval('1')", "exec('1')", "import subprocess as quiet", "import os; os.system('ls')"]
    dangers += ["import os; os.execvp('ls', [])", "from pip._internal import main"]
    sources = [*dangers, "model.eval()", "from .code import pip", "import os; os.replace(1, 2)"]
    for number, source in enumerate(sources):
        (tmp_path / f"danger{number}.py").write_text(f"{source}\n")
    found = find_dangers(tmp_path)
    assert [f"danger{number}.py" in found for number in range(9)] == [source in dangers for source in sources]


def test_nothing_that_ships_runs_texts_as_code_starts_processes_or_installs(shipped: list[str]) -> None:
    python = [name for name in shipped if name.endswith(".py")]
    assert len(python) > 80
    assert find_dangers(*map(Path, python)) == "All checks passed!\n"
    scripts = [name for name in shipped if name.endswith((".js", ".mjs"))]
    assert not [name for name in scripts if SCRIPTS.search((REPOSITORY / name).read_text(encoding="utf-8"))]


def test_what_users_need_ships_and_what_they_do_not_need_stays(shipped: list[str]) -> None:
    whole = ("das_core", "nodes", "web", "locales", "subgraphs")
    needed = {name for name in list_files() if name.partition("/")[0] in whole}
    needed |= {name for name in list_files() if re.fullmatch(r"example_workflows/[^/]+\.(json|jpg)", name)}
    assert needed < set(shipped)
    beside = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "requirements.txt", "requirements-library.txt"}
    assert beside | {"__init__.py"} <= set(shipped)
    assert not {name.partition("/")[0] for name in shipped} & {"tests", "benchmarks", "tools", ".github", ".ci"}


def test_the_archive_is_a_pack_that_loads(shipped: list[str], tmp_path: Path) -> None:
    pack = tmp_path / "direct-ascent"
    for name in shipped:
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, pack / name)
    assert list(load_pack_without_models(pack)) == list(load_pack_without_models(REPOSITORY))


def test_on_an_older_python_comfyui_is_told_why_the_pack_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10))
    with pytest.raises(RuntimeError, match=r"^Direct Ascent needs Python 3\.11 or newer; this is 3\.[\d.]+$"):
        load_pack_without_models(REPOSITORY)


def read_project(text: str | None = None) -> dict[str, Any]:
    return tomllib.loads(text or (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_comfyui_is_asked_for_what_the_library_and_its_words_need_and_comfyui_lacks() -> None:
    def read(name: str) -> set[str]:
        lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    brought = (
        "torch",
        "torchvision",
        "numpy",
        "pillow",
        "safetensors",
        "huggingface_hub",
        "tqdm",
        "tokenizers",
        "transformers",
    )
    needed = read("requirements-library.txt") | {*read_project()["project"]["optional-dependencies"]["text"]}
    assert read("requirements.txt") == {line for line in needed if line.partition(">=")[0] not in brought}


def run_step(title: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the workflow that publishes, in a folder in place of the repository."""
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in workflow["jobs"]["publish"]["steps"] if step.get("name", "").startswith(title)]
    command, known = ["bash", "-eo", "pipefail", "-c", step["run"]], {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "CHANGELOG.md", "README.md"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def test_publishing_fills_in_what_belongs_to_the_publisher_and_the_addresses_of_the_readme(checkout: Path) -> None:
    def list_targets(text: str) -> list[str]:
        return re.findall(r'(?:\]\(|src=")([^)"]+)', text)

    address, files = "https://example.org/someone/pictures", "https://example.org/raw/someone/pictures/v1.2.3"
    given = {"PUBLISHER": "someone", "REPOSITORY": address, "FILES": files, "SITE": "https://someone.example.org"}
    ran = run_step("Fill in", checkout, **given, GITHUB_REF_NAME="v1.2.3")
    assert ran.returncode == 0, ran.stderr
    before, after = read_project(), read_project((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    assert after["project"].pop("urls") == {
        "Repository": address,
        "Issues": f"{address}/issues",
        "Documentation": given["SITE"],
    }
    pictures = {"Icon": f"{files}/docs/icon.png", "Banner": f"{files}/docs/banner.jpg"}
    before["tool"]["comfy"] |= {"PublisherId": "someone"} | pictures
    assert after == before
    own = list_targets((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    whole = list_targets((checkout / "README.md").read_text(encoding="utf-8"))
    assert len(own) == len(whole) > 15
    for old, new in zip(own, whole, strict=True):
        if old.startswith("https://"):
            assert new == old
        else:
            assert (REPOSITORY / old.partition("#")[0]).is_file()
            assert new == f"{files if old.endswith('.jpg') else f'{address}/blob/v1.2.3'}/{old}"


def test_publishing_refuses_a_tag_of_another_version(checkout: Path) -> None:
    for tag, refused in ((f"v{read_project()['project']['version']}", False), ("v99.0.0", True)):
        assert (run_step("Compare", checkout, GITHUB_REF_NAME=tag).returncode != 0) == refused


def test_publishing_tells_what_is_new_in_the_version(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## 2.0.0\n\nNew.\n\n### Nodes\n\n## 1.0.0\n\nOld.\n")
    ran = run_step("Take", checkout, GITHUB_REF_NAME="v2.0.0", GITHUB_ENV=str(checkout / "environment"))
    assert ran.returncode == 0, ran.stderr
    first, *text, last = (checkout / "environment").read_text().splitlines()
    assert (first, last) == ("COMFY_NODE_CHANGELOG<<END_OF_CHANGELOG", "END_OF_CHANGELOG")
    assert "\n".join(text).strip() == "New.\n\n### Nodes"


def test_workflows_pin_what_they_use_to_commits() -> None:
    found = 0
    for workflow in (REPOSITORY / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"uses: (?!\./)(\S+)", workflow.read_text(encoding="utf-8")):
            assert re.fullmatch(r"\S+@[0-9a-f]{40}", used), f"{workflow.name} does not pin {used} to a commit"
            found += 1
    assert found
