"""The locale file: the texts of a pack's nodes, and the command line that writes or checks the file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generators import make_locales
from generators.make_locales import collect_texts, escape_message, format_locale
from runner.node_classes import load_pack_without_models

PACK = """
from comfy_api.latest import ComfyExtension, io


class Paint(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        sizes = {"thin": "In pixels.", "wide": "In {cm}."}
        brush = [
            io.DynamicCombo.Option(name, [io.Int.Input("size", tooltip=size), io.Int.Input("ink", tooltip="Ink.")])
            for name, size in sizes.items()
        ]
        slots = io.Autogrow.TemplatePrefix(io.Image.Input("layer", tooltip="One layer."), prefix="layer", min=1, max=2)
        return io.Schema(
            node_id="LOC_Paint",
            display_name="Paint | Draw",
            description="Paints.",
            inputs=[
                io.DynamicCombo.Input("brush", options=brush, tooltip="Which one."),
                io.Autogrow.Input("layers", template=slots),
                io.Float.Input("level", display_name="Level of ink"),
            ],
            outputs=[io.Image.Output("image", tooltip="The picture."), io.Mask.Output(display_name="Where")],
        )

    @classmethod
    def execute(cls, **inputs):
        return io.NodeOutput()


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Paint]


async def comfy_entrypoint():
    return Extension()
"""


@pytest.fixture(scope="module")
def painters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of one node with texts."""
    folder = tmp_path_factory.mktemp("painters")
    (folder / "__init__.py").write_text(PACK, encoding="utf-8")
    return folder


def test_every_text_of_a_node_is_collected_in_the_form_of_comfyuis_own_files(painters: Path) -> None:
    texts = collect_texts(load_pack_without_models(painters)["LOC_Paint"])
    assert texts == {
        "display_name": "Paint {'|'} Draw",
        "description": "Paints.",
        "inputs": {
            "brush": {"name": "brush", "tooltip": "Which one."},
            "brush_size": {"name": "size", "tooltip": "thin: In pixels.\nwide: In {'{'}cm{'}'}."},
            "brush_ink": {"name": "ink", "tooltip": "Ink."},
            "layers": {"name": "layers"},
            "layers_layer0": {"name": "layer0", "tooltip": "One layer."},
            "layers_layer1": {"name": "layer1", "tooltip": "One layer."},
            "level": {"name": "Level of ink"},
        },
        "outputs": {"0": {"name": "image", "tooltip": "The picture."}, "1": {"name": "Where"}},
    }


def test_a_node_id_with_dots_becomes_one_key(painters: Path) -> None:
    nodes: dict[str, Any] = {"pack.Paint": load_pack_without_models(painters)["LOC_Paint"]}
    assert list(json.loads(format_locale(nodes))) == ["pack_Paint"]


def test_the_special_characters_of_a_message_are_escaped() -> None:
    assert escape_message("a {b} @c | $d, 50 %") == "a {'{'}b{'}'} {'@'}c {'|'} {'$'}d, 50 %"


def test_a_missing_file_is_written_and_an_old_one_is_found(painters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--pack", str(painters)]
    path = painters / make_locales.LOCALE
    assert make_locales.main([*arguments, "--check"]) == 1
    assert not path.exists()
    assert make_locales.main(arguments) == 0
    assert capsys.readouterr().out == f"{path}\n"
    written = path.read_text(encoding="utf-8")
    assert list(json.loads(written)) == ["LOC_Paint"]
    assert make_locales.main([*arguments, "--check"]) == 0
    path.write_text(written.replace("Which", "What"), encoding="utf-8")
    assert make_locales.main([*arguments, "--check"]) == 1
    assert f"{make_locales.LOCALE} is out of date" in capsys.readouterr().err
    assert "What" in path.read_text(encoding="utf-8")
    assert make_locales.main(arguments) == 0
    assert path.read_text(encoding="utf-8") == written


def test_the_module_runs_with_tools_on_the_path_and_its_default_pack_is_this_repository() -> None:
    tools = Path(make_locales.__file__).parents[1]
    command = [sys.executable, "-m", "generators.make_locales", "--help"]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(tools)}, capture_output=True, text=True, check=True, timeout=60
    )
    assert "usage: make_locales [-h] [--check] [--pack FOLDER]" in done.stdout
    assert (make_locales.REPOSITORY / make_locales.LOCALE).is_file()
