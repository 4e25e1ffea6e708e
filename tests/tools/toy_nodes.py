"""A small V3 node pack; the fixture `pack` copies this file to the `__init__.py` of a folder of its own."""

import asyncio
from pathlib import Path
from typing import Any

import comfy.utils
import folder_paths
import torch
from comfy_api.latest import ComfyExtension, io


def schema(name: str, inputs: list[Any], outputs: list[Any], **settings: Any) -> io.Schema:
    return io.Schema(node_id=f"TOY_{name}", category="toy", inputs=inputs, outputs=outputs, **settings)


class Color(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [
            io.Int.Input("size", default=4, min=2, max=16),
            io.Float.Input("level", default=0.5, min=0.0, max=1.0),
            io.Boolean.Input("invert", default=False),
            io.Int.Input("batch", default=1, min=1, max=9),
        ]
        return schema("Color", inputs, [io.Image.Output()], display_name="Plain Color")

    @classmethod
    def execute(cls, size: int, level: float, invert: bool, batch: int) -> io.NodeOutput:
        bar = comfy.utils.ProgressBar(size)
        for step in range(size):
            bar.update_absolute(step + 1)
        return io.NodeOutput(torch.full((batch, size, size, 3), 1 - level if invert else level))


class Mix(io.ComfyNode):
    """Autogrow."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        slots = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=1, max=4)
        return schema("Mix", [io.Autogrow.Input("images", template=slots)], [io.Image.Output()])

    @classmethod
    def execute(cls, images: dict[str, torch.Tensor] | None = None) -> io.NodeOutput:
        return io.NodeOutput(torch.stack(list((images or {}).values())).mean(0))


class Optimizer(io.ComfyNode):
    """DynamicCombo; it refuses some numbers of steps of `warmup`."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        adam = [io.Int.Input("warmup", default=3), io.Combo.Input("decay", ["none", "cosine"])]
        options = [
            io.DynamicCombo.Option("ascent", [io.Float.Input("step_size", default=0.5, min=0.0, max=2.0)]),
            io.DynamicCombo.Option("adam", adam),
        ]
        return schema("Optimizer", [io.DynamicCombo.Input("optimizer", options=options)], [io.String.Output()])

    @classmethod
    def execute(cls, optimizer: dict[str, Any]) -> io.NodeOutput:
        if optimizer.get("warmup") in (13, 99):
            raise ValueError("warmup 13; take 12") if optimizer["warmup"] == 13 else RuntimeError("broken")
        return io.NodeOutput(", ".join(f"{name}={value!r}" for name, value in sorted(optimizer.items())))


class Facts(io.ComfyNode):
    """How a node is called."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        outputs = [io.String.Output(display_name="text"), io.Int.Output()]
        return schema("Facts", [], outputs, hidden=[io.Hidden.unique_id])

    @classmethod
    async def execute(cls) -> io.NodeOutput:
        await asyncio.sleep(0)
        try:
            cls.memory = 1
        except AttributeError:
            locked = True
        inference = torch.is_inference_mode_enabled()
        return io.NodeOutput(f"id {cls.hidden.unique_id}, inference {inference}, locked {locked}", 7)


class Fail(io.ComfyNode):
    """Raises what its widget names; its class checks `kind` itself."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        kind = io.Combo.Input("kind", ["value", "runtime", "interrupt", "spin"])
        return schema("Fail", [kind, io.AnyType.Input("after", optional=True)], [], is_output_node=True)

    @classmethod
    def validate_inputs(cls, kind: str) -> bool | str:
        return True if kind != "forbidden" else "not today"

    @classmethod
    def execute(cls, kind: str, after: object = None) -> io.NodeOutput:
        if kind == "spin":
            print("spinning", flush=True)
            while True:
                torch.ones(8).sum()
        if kind == "interrupt":
            comfy.model_management.interrupt_current_processing()
            comfy.utils.ProgressBar(2).update(1)
        raise ValueError("no class\n'tabbi'") if kind == "value" else RuntimeError("broken node")


class Lists(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Lists", [], [io.Float.Output(is_output_list=True)])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput([0.25, 0.75])


class Report(io.ComfyNode):
    """An output node that hands its result on and shows none of it itself, unless `shows` is set."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [io.Image.Input("image"), io.Boolean.Input("shows", default=False)]
        outputs = [io.String.Output("text"), io.Image.Output("chart"), io.Float.Output("level")]
        return schema("Report", inputs, outputs, display_name="Report", is_output_node=True)

    @classmethod
    def execute(cls, image: torch.Tensor, shows: bool) -> io.NodeOutput:
        text = f"{len(image)} images"
        return io.NodeOutput(text, image / 2, float(image.mean()), ui={"text": [f"saw {text}"]} if shows else None)


class Keep(io.ComfyNode):
    """An output node that saves a file that is no picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema("Keep", [io.Image.Input("image")], [], is_output_node=True)

    @classmethod
    def execute(cls, image: torch.Tensor) -> io.NodeOutput:
        Path(folder_paths.get_output_directory(), "kept.stack").write_bytes(b"stack")
        return io.NodeOutput(ui={"files": [{"filename": "kept.stack", "subfolder": "", "type": "output"}]})


class Extension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [Color, Mix, Optimizer, Facts, Fail, Lists, Report, Keep]


async def comfy_entrypoint() -> Extension:
    return Extension()
