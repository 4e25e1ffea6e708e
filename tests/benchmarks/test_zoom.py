import pytest
import torch

from benchmarks.zoom import measure_seam
from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom

SPEC = StackSpec(96, 96, 12, zoom=Zoom(3))


@each_case(("moment", "shades"), [(0.0, [2.0, -2.0, -2.0]), (0.3, [2.0, -2.0, -2.0]), (0.9, [2.0, 2.0, -2.0])])
def test_a_seam_is_measured_where_it_is(moment: float, shades: list[float]) -> None:
    noise = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert measure_seam(noise, SPEC, moment) == pytest.approx(1, abs=0.15)
    # Black in white: there is a gradient nowhere else.
    canvas = torch.tensor(shades)[:, None, None, None].expand(3, 3, *SPEC.canvas)
    frame = render_zoom(ImageStack.from_canvas(SPEC, canvas.contiguous()), [moment])[0]
    smooth = frame + 1e-3 * noise
    assert measure_seam(smooth, SPEC, moment) > 3
