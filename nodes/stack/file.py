"""The nodes Save Stack and Load Stack."""

from comfy_api.latest import io

from ...das_core.common.files import explain_unreadable
from ...das_core.stack import file as core
from ...das_core.stack.image_stack import ImageStack
from .. import bridge
from ..node import Node
from ..schema import Stack, add_advice, schema, tip


class SaveStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_SaveStack",
            display_name="Save Stack",
            category="Direct Ascent/stack",
            description="Keep a stack as a file, so that an ascent can go on from it tomorrow, or that it can be "
            "edited or rendered larger. The file holds the exact state, from which all levels follow, and "
            "what the optimizer remembers, not just the picture; a new Direct Ascent Optimize starts its own schedule "
            "anew.",
            aliases="write, checkpoint, keep, safetensors",
            inputs=[
                Stack.Input("stack", tooltip="What to keep, from Direct Ascent Optimize, Image Stack or Edit Stack."),
                tip(
                    io.String.Input("filename_prefix", default="direct_ascent"),
                    f"What the file is called, below the folder {bridge.STACKS} of ComfyUI's output folder; a "
                    "number is added. 'night/castle' puts it into a subfolder.",
                ),
            ],
            outputs=[io.String.Output("file", tooltip="The name of the file, as Load Stack lists it.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, stack: ImageStack, filename_prefix: str) -> io.NodeOutput:
        name = bridge.save_new_stack(stack, filename_prefix)
        return io.NodeOutput(name, ui={"text": [f"saved as {name}"]})


class LoadStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_LoadStack",
            display_name="Load Stack",
            category="Direct Ascent/stack",
            description="Take up a stack that Save Stack has kept: let Direct Ascent Optimize go on with it, look at "
            "its levels, edit it, or render it at another size. A file that is damaged or of a newer version is "
            "refused.",
            aliases="read, open, continue, resume, safetensors",
            inputs=[
                tip(
                    io.Combo.Input("file", options=bridge.list_stack_files(), extra_dict={"files": True}),
                    f"A file in the folder {bridge.STACKS} of ComfyUI's output folder, or of its input folder "
                    "for files from elsewhere. In each folder the newest come first; press R to see new ones.",
                )
            ],
            outputs=[Stack.Output("stack", tooltip="For Direct Ascent Optimize, Edit Stack or Stack to Image.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str) -> int:
        """Return a number that changes with the file, so that ComfyUI loads a changed file again."""
        return bridge.read_stack_time(file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        path = bridge.find_stack_file(file)
        # The file may be gone since it was listed.
        with explain_unreadable(path):
            size = path.stat().st_size
        # Loading needs memory for the content twice: for the bytes of the file, and for the tensors.
        bridge.check_memory(
            2 * size, f"the stack file '{path.name}'", "free some, or load a smaller stack", bridge.get_storage_device()
        )
        with add_advice(core.StackFileError, ". Save Stack writes stack files"):
            stack = core.load_stack(path)
        return io.NodeOutput(stack.to(bridge.get_storage_device()))
