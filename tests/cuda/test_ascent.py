"""An ascent on a CUDA device: as on a CPU, the same bits twice, in half precision, and with little memory."""

import itertools
import warnings
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

import direct_ascent as da
from das_core.stack.parametrizations import ParametrizationName

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]

CUDA, JELLYFISH = torch.device("cuda"), 107
WITHOUT_NOISE = da.views.Augmentation(8, transforms=(da.views.Flip(), da.views.Grayscale()))
"""Views that are drawn alike on every device; noise is not."""


def load(device: torch.device, dtype: torch.dtype = torch.float32) -> da.Classifier:
    judge = da.load_starter().with_precision(dtype)
    judge.module.to(device)
    return judge


def start(
    device: torch.device, augmentation: da.views.Augmentation, dtype: torch.dtype = torch.float32, steps: int = 4
) -> da.Ascent:
    wish = da.classes(JELLYFISH, "logit").on(load(device, dtype))
    return da.Ascent(da.ImageStack.gray(da.StackSpec(224, 224)), [wish], augmentation, steps=steps, device=device)


def climb(device: torch.device, augmentation: da.views.Augmentation) -> Tensor:
    return start(device, augmentation).run().stack.canvas.cpu()


def test_the_first_steps_are_those_of_a_cpu() -> None:
    ours, theirs = climb(CUDA, WITHOUT_NOISE).flatten(), climb(torch.device("cpu"), WITHOUT_NOISE).flatten()
    assert torch.cosine_similarity(ours, theirs, dim=0) > 0.99


def test_two_ascents_with_one_seed_have_the_same_bits() -> None:
    views = da.views.Augmentation(8, transforms=(da.views.Flip(), da.views.Grayscale(), da.views.Noise()))
    assert torch.equal(climb(CUDA, views), climb(CUDA, views))


def test_transforms_of_torchvision_draw_on_the_device_what_repeats_and_leave_its_generator_alone() -> None:
    views = da.views.Augmentation(8, transforms=(v2.GaussianNoise(), v2.ColorJitter(0.2)))
    before = torch.cuda.get_rng_state()
    assert torch.equal(climb(CUDA, views), climb(CUDA, views))
    assert torch.equal(before, torch.cuda.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_scores_rise_in_every_precision(dtype: torch.dtype) -> None:
    history = start(CUDA, da.views.Augmentation(8), dtype, steps=12).run().history
    first, last = (history[number].scores["jellyfish"] for number in (0, -1))
    assert last > first + 3


def test_a_step_waits_for_the_device_twice_at_most() -> None:
    ascent = iter(start(CUDA, WITHOUT_NOISE, steps=6))
    next(itertools.islice(ascent, 2, None))
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            next(ascent)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [warning for warning in caught if "synchroniz" in str(warning.message).lower()]
    assert len(waits) <= 2, [str(warning.message) for warning in waits]


@pytest.mark.parametrize("tile", [False, True])
@pytest.mark.parametrize("parametrization", get_args(ParametrizationName))
def test_every_parametrisation_moves_as_on_a_cpu(parametrization: ParametrizationName, tile: bool) -> None:
    spec = da.StackSpec(96, 80, 0, tile=tile, parametrization=parametrization)
    gradient = torch.randn(1, 3, 80, 96, generator=torch.Generator().manual_seed(0))
    for method in ("spectral", "layers"):
        one = replace(spec, method=method)
        ours = one.operator(CUDA).precondition(gradient.to(CUDA)).cpu()
        theirs = one.operator(torch.device("cpu")).precondition(gradient)
        assert float((ours - theirs).norm()) < 1e-3 * float(theirs.norm()), method


def test_a_judge_that_is_there_is_not_copied() -> None:
    judge = da.load_starter().to("cuda")
    assert judge.device == torch.device("cuda:0")
    assert judge.to("cuda") is judge
    assert judge.to("cuda:0") is judge


def test_a_device_with_little_memory_gets_smaller_chunks() -> None:
    ascent = start(CUDA, da.views.Augmentation(16), steps=1)
    ascent.chunk = 16
    _, whole = torch.cuda.mem_get_info()
    # Enough for the model and a few views, not for sixteen.
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 300 * 2**20) / whole)
    try:
        ascent.run()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ascent.chunk < 16


@pytest.mark.parametrize("layer", [None, "blocks.2"])
@pytest.mark.parametrize(("model", "picture"), [("cpu", "cuda:0"), ("cuda:0", "cpu")])
def test_a_model_on_another_device_is_named_with_both(layer: str | None, model: str, picture: str) -> None:
    judge = da.load_starter().to(model)
    wish = da.feature(layer).on(judge) if layer else da.classes(JELLYFISH).on(judge)
    says = (
        rf"EfficientNet-Lite0 is on {model} and the picture on {picture}; move the model with judge\.to\('{picture}'\)"
    )
    ascent = da.Ascent(da.ImageStack.gray(da.StackSpec(224, 224)), wish, steps=1, device=picture)
    with pytest.raises(ValueError, match=says):
        ascent.run()
    wish = da.classes(JELLYFISH).on(judge.to(picture))
    assert len(da.Ascent(da.ImageStack.gray(da.StackSpec(224, 224)), wish, steps=1, device=picture).run().history) == 1
