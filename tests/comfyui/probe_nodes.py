"""A pack of one node, put into the ComfyUI under test: the harness is proven with it, whatever the real pack does.

ComfyUI imports this file; the tests do not.
"""

import threading

import comfy.utils
import torch
from comfy_api.latest import ComfyExtension, io
from PIL import Image


class Probe(io.ComfyNode):
    """Count up to `steps`, each with a preview, then return an image or fail."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessProbe",
            display_name="Harness Probe",
            category="tests",
            inputs=[
                io.Int.Input("steps", default=3, min=1, max=1_000_000),
                io.Boolean.Input("fail", default=False),
                io.Int.Input("seed", default=0, min=0, control_after_generate=True),
            ],
            outputs=[io.Image.Output("image")],
        )

    @classmethod
    def execute(cls, steps: int, fail: bool, seed: int) -> io.NodeOutput:
        bar = comfy.utils.ProgressBar(steps)
        pause = threading.Event()
        for step in range(1, steps + 1):
            pause.wait(0.005)  # work to interrupt, that takes no processor time
            bar.update_absolute(step, steps, ("JPEG", Image.new("RGB", (32, 16), "red"), None))
        if fail:
            raise ValueError("the probe was asked to fail")
        return io.NodeOutput(torch.full((1, 16, 32, 3), 1.0 / (1 + seed)))


class ProbeExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [Probe]


async def comfy_entrypoint() -> ProbeExtension:
    return ProbeExtension()
