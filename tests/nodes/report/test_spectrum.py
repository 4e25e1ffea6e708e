"""Spectrum: of an image, of a stack, or of both, and what is said where there is none."""

import torch

from loaded_pack import Pack, refuse_all


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
    noise = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(6))
    assert pack.run("DAS_Spectrum", image=noise, stack=stack)[2] == pack.run("DAS_Spectrum", image=noise)[2] != slope


test_what_cannot_be_is_refused = refuse_all(
    {
        "nothing is connected: connect an image, or a stack": lambda pack: pack.run("DAS_Spectrum"),
        "the image is of one brightness all over": lambda pack: pack.run("DAS_Spectrum", stack=pack.stack()),
        "^the levels of the stack are empty: it has not climbed yet; use the stack of an ascent$": lambda pack: (
            pack.run("DAS_Spectrum", image=torch.rand(1, 80, 80, 3), stack=pack.stack())
        ),
    }
)
