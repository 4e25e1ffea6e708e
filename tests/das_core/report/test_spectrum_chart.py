import torch

from cases import each_case
from das_core.report.spectrum import measure_level_variances, measure_spectrum
from das_core.report.spectrum_chart import format_spectrum, plot_spectrum
from das_core.stack.image_stack import ImageStack
from toys import SPEC


@each_case("batch", [1, 9])
def test_there_is_a_chart_and_a_text(batch: int) -> None:
    found = measure_spectrum(torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    levels = measure_level_variances(ImageStack.noise(SPEC, batch))
    assert plot_spectrum(found).shape == (1, 3, 450, 600)
    chart = plot_spectrum(found, levels)
    assert chart.shape == (1, 3, 660, 600)
    assert 0 <= chart.min() < chart.max() <= 1
    lines = format_spectrum(found, levels).splitlines()
    assert len(lines) == 2 * batch + 1
    assert f"slope {found.slope[0].item():.2f}" in lines[0]
    assert "photographs: about -2" in lines[batch]
