"""Canvases far above what a judge sees, of any aspect ratio, with views at several scales."""

import torch

import direct_ascent as da
from cases import each_case
from toys import classifier

VIEWS = da.views.Augmentation(8, da.views.Windows(0, 32 / 512, 1.0, 0.9))


@each_case(("width", "height", "tile"), (500, 60, False), (67, 333, True), (16, 257, False))
def test_oblong_canvases_of_any_size_climb(width: int, height: int, tile: bool) -> None:
    objective = da.classes(((3, 1.0),)).on(classifier())
    stack = da.ImageStack.noise(da.StackSpec(width, height, 0, tile=tile), amplitude=0.1)
    result = da.Ascent(stack, [objective], VIEWS, steps=12, chunk=5).run()
    assert result.image.shape == (1, 3, height, width)
    assert bool(torch.isfinite(result.image).all())
    scores = [record.scores[objective.name] for record in result.history]
    assert sum(scores[-3:]) > sum(scores[:3]) + 0.5
