"""Spectra and histories by nodes."""

import pytest
import torch
from loaded_pack import Pack


def test_an_image_a_stack_or_both_have_a_spectrum(pack: Pack) -> None:
    image, stack, _, _, _ = pack.optimize(stack=pack.stack(start={"start": "noise"}, batch_size=2))
    text, chart, slope, low, high = pack.run("DAS_Spectrum", image=image)
    assert chart.shape == (1, 450, 600, 3)
    assert text.startswith(f"image 1: slope {slope:.2f}, low band {low:.2f}, high band {high:.2f}\nimage 2: ")
    both = pack.run("DAS_Spectrum", image=image, stack=stack)
    assert both[2] == slope
    assert "levels 2: variance slope " in both[0]
    alone = pack.run("DAS_Spectrum", stack=stack)
    assert alone[0] == both[0]
    assert torch.equal(alone[1], both[1])


def test_nothing_connected_is_named(pack: Pack) -> None:
    with pytest.raises(ValueError, match="nothing is connected: connect an image, or a stack"):
        pack.run("DAS_Spectrum")
    with pytest.raises(ValueError, match="the image is of one brightness all over"):
        pack.run("DAS_Spectrum", stack=pack.stack())
    with pytest.raises(ValueError, match=r"4 channels .* alpha"):
        pack.run("DAS_Spectrum", image=torch.rand(1, 80, 80, 4))


def test_a_history_and_the_one_before_it_are_plotted(pack: Pack) -> None:
    _, stack, _, early, _ = pack.optimize()
    late = pack.optimize(stack=stack)[3]
    text, chart = pack.run("DAS_PlotHistory", history=late)
    assert "at step 3," in text
    both, joined = pack.run("DAS_PlotHistory", history=late, before=early)
    assert "at step 1," in both
    assert "at step 4," in both
    assert chart.shape == joined.shape == (1, 500, 700, 3)
