import pytest
import torch

from benchmarks.zoom import measure_seam
from das_core.stack.image_stack import ImageStack
from das_core.stack.render_zoom import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import Zoom

SPEC = StackSpec(96, 96, 12, zoom=Zoom(3))


@pytest.mark.parametrize("moment", [0.0, 0.4, 0.9])
def test_a_seam_is_measured_where_it_is(moment: float) -> None:
    noise = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert measure_seam(noise, SPEC, moment) == pytest.approx(1, abs=0.15)
    # White in black in white, softened over the margins: there is a gradient nowhere else.
    canvas = torch.tensor([2.0, -2.0, 2.0])[:, None, None, None].expand(3, 3, *SPEC.canvas)
    frame = render_zoom(ImageStack.from_canvas(SPEC, canvas.contiguous()), [moment])[0]
    smooth = frame + 1e-3 * noise
    assert measure_seam(smooth, SPEC, moment) > 3
