"""Fixtures for the tests of generators: `painters`, a pack of one node with texts."""

from pathlib import Path

import pytest

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
            category="Toys/paint/wet",
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


@pytest.fixture
def painters(tmp_path: Path) -> Path:
    """The folder of a pack of one node with texts, without locale files."""
    folder = tmp_path / "painters"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACK, encoding="utf-8")
    return folder
