"""Canvases far above what a judge sees: any aspect ratio, views at several scales, and memory of a few canvases."""

import torch

import das_core as da
from benchmarks.memory import PeakBytes
from cases import each_case
from toys import classifier

LARGE = da.StackSpec(512, 512, 0, tile=True)
VIEWS = da.Augmentation(8, da.Windows(0, 32 / 512, 1.0, 0.9))


@each_case(("width", "height", "tile"), [(500, 60, False), (67, 333, True), (16, 257, False)])
def test_oblong_canvases_of_any_size_climb(width: int, height: int, tile: bool) -> None:
    objective = da.class_objective(classifier(), ((3, 1.0),))
    stack = da.ImageStack.noise(da.StackSpec(width, height, 0, tile=tile), amplitude=0.1)
    result = da.Ascent(stack, [objective], VIEWS, steps=12, chunk=5).run()
    assert result.image.shape == (1, 3, height, width)
    assert bool(torch.isfinite(result.image).all())
    scores = [record.scores[objective.name] for record in result.history]
    assert sum(scores[-3:]) > sum(scores[:3]) + 0.5


def test_detail_reaches_as_far_as_the_closest_views() -> None:
    """With views down to the judge's own scale there is energy where views of half the canvas ask for nothing."""
    objective = da.class_objective(classifier(32), ((3, 1.0),))
    fine = []
    for zoom_min in (32 / 512, 0.5):
        views = da.Augmentation(8, da.Windows(0, zoom_min, 1.0, zoom_min), ())
        image = da.Ascent(da.ImageStack.gray(LARGE), [objective], views, steps=6).run().image
        energy = torch.fft.rfft2(image, norm="ortho").abs().square()
        fine.append(float(energy[..., 64:192, 64:192].sum() / energy[..., 1:64, 1:64].sum()))
    assert fine[0] > 3 * fine[1]


def test_memory_is_that_of_a_few_canvases_whatever_the_number_of_levels() -> None:
    objective = da.class_objective(classifier(32), ((3, 1.0),))
    canvas = 4 * 3 * 512 * 512
    for spec in (LARGE, da.StackSpec(512, 512, 0, levels=tuple(range(1, 513)), tile=True)):
        spec.operator(torch.device("cpu"))
        with PeakBytes() as counted:
            da.Ascent(da.ImageStack.gray(spec), [objective], VIEWS, steps=2, chunk=1).run()
        # The optimizer keeps one of them, the moving average of the directions.
        assert counted.peak < 11.5 * canvas
