import torch

from benchmarks.memory import PeakBytes, ascent_peak
from toys import classifier

# Its activations take little memory, so that of levels would show.
TOY = classifier(32, 1000)


def test_peak_counts_what_is_alive_at_one_time() -> None:
    with PeakBytes() as counted:
        kept = torch.zeros(1000)
        for _ in range(5):
            torch.zeros(500)
        kept = kept + 1
    assert counted.peak == 2 * 4000
    assert counted.held == 4000


def test_memory_grows_with_the_number_of_levels_for_layers_alone() -> None:
    few, many = (ascent_peak(TOY, step, "spectral", chunk=1) for step in (8, 2))
    assert many <= 1.001 * few
    few, many = (ascent_peak(TOY, step, "layers", chunk=1) for step in (8, 2))
    assert many > 1.5 * few
