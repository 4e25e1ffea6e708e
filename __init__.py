"""Direct Ascent: nodes for ComfyUI that make images by gradient ascent on the scores of classifiers and CLIPs."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> "ComfyExtension":
    """Return the extension that lists the nodes; ComfyUI calls this function when it starts.

    Before it returns, it registers folders and HTTP routes with ComfyUI, and copies the files of the example
    workflows.

    Raises:
        RuntimeError: when Python is too old; ComfyUI logs the message, and starts without the pack.
    """
    # Here, for ComfyUI logs an error of this function as one line, and one of the import with a traceback.
    if sys.version_info < (3, 11):  # noqa: UP036  # ComfyUI runs on older ones, and pip is not asked about a folder.
        raise RuntimeError(f"Direct Ascent needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    # Imported here, so that tools can import this package where ComfyUI is not installed.
    from comfy_api.latest import ComfyExtension, io

    from .nodes import NODES
    from .nodes.bridge import check_folder_name, copy_example_files, register_control_routes, register_folders

    check_folder_name()
    register_folders()
    register_control_routes()
    copy_example_files()

    class DirectAscent(ComfyExtension):
        async def get_node_list(self) -> list[type[io.ComfyNode]]:
            return list(NODES)

    return DirectAscent()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
