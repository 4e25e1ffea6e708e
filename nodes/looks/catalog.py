"""The node Direct Ascent Look."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.choices import check_choice
from ...das_core.looks.catalog import LOOKS, adjust_look, read_count
from ...das_core.looks.colors import PALETTES, Dither, find_image_palette
from .. import bridge
from ..node import Node
from ..schema import Look as LookSocket
from ..schema import list_options, schema, tip

_DITHERS = ["auto", *list_options(Dither, "off")]


class Look(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Look",
            display_name="Direct Ascent Look",
            category="Direct Ascent",
            description="Make the picture of pixels, ink or glass instead of paint. The models see the look "
            "while the picture climbs, so they shape it for the look; a filter at the end would only cover it. Connect "
            "it to Direct Ascent Optimize; nothing else has to be set.",
            aliases="pixel art, style, filter, woodcut, engraving, halftone, oil, watercolor, stained glass, mosaic, "
            "cross-stitch, low poly, poster, palette",
            advanced=["dither"],
            inputs=[
                tip(
                    io.Combo.Input("look", options=list(LOOKS), default="pixel art"),
                    "What the picture is made of. Stack to SVG draws all of them but oil and watercolour as shapes.",
                ),
                tip(
                    io.Float.Input("size", default=1.0, min=0.2, max=5.0, step=0.05),
                    "Of its cells, lines, dots, pieces or brushes. 0.5: fine, nearer to a photograph. 1: as usual. 2: "
                    "coarse, with fewer details.",
                ),
                tip(
                    io.String.Input("palette", default=""),
                    "Empty: that of the look. For pixel art, posters, cross-stitch and mosaics a number of colours to "
                    f"find in the picture (4: bold, 64: hardly shows), a name ({', '.join(PALETTES)}), or hex codes "
                    "such as #1d2b53 #ff004d #fff1e8. For ink two hex codes: of the ink, and of the paper.",
                ),
                tip(
                    io.Combo.Input("dither", options=_DITHERS, default="auto"),
                    "How colours in between are mixed of those of a palette. off: flat. ordered: in a regular pattern, "
                    "as in old games. diffusion: without a visible pattern; slow. auto: that of the look.",
                ),
                tip(
                    io.Image.Input("palette_from", optional=True),
                    "An image whose colours become the palette: as many as `palette` says, else 8; for ink its darkest "
                    "and its brightest.",
                ),
            ],
            outputs=[LookSocket.Output("look", tooltip="For Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(
        cls, look: Any, size: float, palette: str, dither: Any, palette_from: Tensor | None = None
    ) -> io.NodeOutput:
        check_choice("look", look, LOOKS)
        check_choice("dither", dither, _DITHERS)
        if palette_from is not None:
            count = 2 if hasattr(LOOKS[look], "ink") else read_count(palette) or 8
            palette = " ".join(find_image_palette(bridge.from_comfy_images(palette_from), count))
        return io.NodeOutput(adjust_look(LOOKS[look], size, palette, "" if dither == "auto" else dither))
