"""SVG: rendered by resvg, it is the picture."""

import io
from typing import Any

import numpy as np
import pytest
import resvg_py
import torch
from PIL import Image

from das_core.common.images import to_bytes
from das_core.looks import svg
from das_core.looks.catalog import LOOKS, adjust_look
from das_core.looks.svg import NoShapesError
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.vector import draw_svg
from photographs import load_photograph


def _render(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text)))).convert("RGB"))


@pytest.mark.parametrize("name", [name for name in LOOKS if name not in ("oil", "watercolour")])
@pytest.mark.parametrize("tile", [False, True])
def test_svg_rendered_is_the_picture(name: str, tile: bool) -> None:
    spec = StackSpec(width=96, height=64, margin=0 if tile else 8, tile=tile, look=adjust_look(LOOKS[name], 2))
    stack = ImageStack.from_image(spec, load_photograph("cat", 64))
    differs = np.abs(_render(draw_svg(stack)).astype(int) - to_bytes(stack.image())).max(axis=2)
    if name == "low poly":
        # Triangles are drawn by other arithmetic, which differs at their edges.
        assert differs.mean() < 6
        assert (differs > 60).mean() < 0.02
    else:
        assert differs.max() <= 1


def test_paintings_and_noise_have_no_shapes() -> None:
    stack = ImageStack.noise(StackSpec(width=96, height=96, margin=0))
    with pytest.raises(NoShapesError, match="colours has no regions to draw as SVG"):
        draw_svg(stack)


def test_a_region_takes_the_work_of_its_border(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    trace = svg._trace

    def count(*arguments: Any) -> str:
        given.append(sum(map(np.size, arguments)))
        return trace(*arguments)

    monkeypatch.setattr(svg, "_trace", count)
    colors = torch.arange(256).view(16, 16).repeat_interleave(8, 0).repeat_interleave(8, 1) / 255
    shapes = svg.trace_regions(colors.expand(3, -1, -1))
    assert [shape.path for shape in shapes[:2]] == ["M0 0h8v8h-8z", "M8 0h8v8h-8z"]
    assert given == [2 * 4 * 8 + 1] * 256, "a begin and an end for each side of a pixel, and not its whole picture"


def test_holes_and_corners_that_touch_are_traced() -> None:
    board = torch.ones(1, 3, 16, 16)
    board[:, :, ::2, ::2] = board[:, :, 1::2, 1::2] = 0
    board[:, :, 4:12, 4:12] = 0.5
    board[:, :, 7:9, 7:9] = 1
    stack = ImageStack.from_image(StackSpec(width=16, height=16, margin=0, look=LOOKS["ink"]), board)
    assert np.array_equal(_render(draw_svg(stack)), to_bytes(stack.image()))
