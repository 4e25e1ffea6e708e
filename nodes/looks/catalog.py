"""The node Direct Ascent Look."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...das_core.common.choices import check_choice
from ...das_core.looks.catalog import LOOKS, adjust_look
from ...das_core.looks.colors import MOST_COLORS, PALETTES, Dither, find_image_palette
from .. import bridge
from ..node import Node
from ..schema import Look as LookSocket
from ..schema import list_options, make_options, read_choice, schema, tip

_DITHERS = ["auto", *list_options(Dither, "off")]
_PALETTES = ("of the look", "of the picture", "of an image", "hex codes", *PALETTES)


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
                    io.Combo.Input("dither", options=_DITHERS, default="auto"),
                    "How colours in between are mixed of those of a palette. off: flat. ordered: in a regular pattern, "
                    "as in old games. diffusion: without a visible pattern; slow. auto: that of the look.",
                ),
                tip(
                    io.DynamicCombo.Input("palette", options=_list_palettes()),
                    "Which colours there are. of the look: its own. of the picture, of an image: as many as you say, "
                    "found there. hex codes: your own. The others are palettes by name. Oil, watercolour and glass "
                    "have the colours of the picture.",
                ),
            ],
            outputs=[LookSocket.Output("look", tooltip="For Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, look: Any, size: float, dither: Any, palette: Mapping[str, Any] | None = None) -> io.NodeOutput:
        check_choice("look", look, LOOKS)
        check_choice("dither", dither, _DITHERS)
        name, values = read_choice("palette", palette, _PALETTES)
        colors = {
            "of the look": "",
            "of the picture": str(values.get("colors")),
            "of an image": "",
            "hex codes": values.get("codes", ""),
        }.get(name, name)
        if name == "of an image":
            count = 2 if hasattr(LOOKS[look], "ink") else values["colors"]
            colors = " ".join(find_image_palette(bridge.from_comfy_images(values["image"]), count))
        return io.NodeOutput(adjust_look(LOOKS[look], size, colors, "" if dither == "auto" else dither))


def _list_palettes() -> list[Any]:
    """Return the options of `palette`, with what some of them ask for."""
    colors = tip(
        io.Int.Input("colors", default=8, min=2, max=MOST_COLORS),
        "How many. 4: bold. 64: hardly seen. Looks in ink take the darkest and the brightest of an image.",
    )
    image = io.Image.Input("image", tooltip="The image that lends its colours.")
    codes = tip(
        io.String.Input("codes", default="#1d2b53 #fff1e8"),
        "Hex codes with spaces between them: one for each colour, or for ink that of the ink and that of the paper.",
    )
    return make_options(_PALETTES, **{"of the picture": [colors], "of an image": [image, colors], "hex codes": [codes]})
