"""Renders in several threads on shared models: each makes the picture that it makes alone, bit for bit."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
import torch
import torchvision
from torch import Tensor, nn

import direct_ascent as da
import tinyclip
from das_core.facade.wrap import wrap
from das_core.models.judge import Judge
from quick_render import render
from toys import classifier

pytestmark = pytest.mark.hostile

HALF = (0.5, 0.5, 0.5)
ATTENTION = "encoder.layers.encoder_layer_1.self_attention"


def make_renders() -> list[Callable[[], Tensor]]:
    """Return functions that make pictures, of models that they share; each call builds the same models anew."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # Its attention is PyTorch's own, whose heads are computed a second time.
        transformer = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5)
        nn.init.normal_(transformer.heads.head.weight)
        # Its batch norm is folded when it is wrapped. The module itself is in training mode, and its weights learn.
        plain = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
    toy, clip, vision = classifier(seed=1), tinyclip.clip(), wrap(transformer)
    half = wrap(plain, size=32, mean=HALF, std=HALF).with_precision(torch.bfloat16)
    learning = Judge("learning", plain, 32, HALF, HALF)
    asked = [
        ("2:7", toy),
        ("class 3", toy),
        (da.channels("2", [1, 2]) + da.diversity("0"), toy),
        ("a castle in fog", clip),
        ("transformer.resblocks.1:3", clip),
        ("class 2", vision),
        (da.head(ATTENTION, 1), vision),
        ("0:3", half),
        ("0:3", learning),
        ("5", learning),
    ]
    made: list[Callable[[], Tensor]] = [
        lambda wish=wish, model=model: render(wish, model, size=32).image  # type: ignore[misc]
        for wish, model in asked
    ]
    # Wrapped in every render: copied, traced and frozen.
    return [*made, lambda: render("0:3", wrap(plain, size=32, mean=HALF, std=HALF), size=32).image]


def work(renders: list[Callable[[], Tensor]], together: Barrier, first: int) -> list[tuple[int, Tensor | Exception]]:
    """Make all pictures from number `first` on, each together with the other threads; return them, or their errors."""
    made: list[tuple[int, Tensor | Exception]] = []
    for number in ((first + number) % len(renders) for number in range(len(renders))):
        together.wait()
        try:
            made.append((number, renders[number]()))
        except Exception as error:  # noqa: BLE001 - shown by the test
            made.append((number, error))
    return made


def test_renders_in_threads_are_the_ones_alone(scale: int, request: pytest.FixtureRequest) -> None:
    # Python switches between threads a thousand times as often as usual.
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(5e-6)
    alone = [make() for make in make_renders()]
    for _ in range(scale):
        with ThreadPoolExecutor(3) as pool:
            # Two threads make the same picture, the third one makes another, mostly with the same model.
            results = list(pool.map(partial(work, make_renders(), Barrier(3)), (0, 0, 1)))
        failed = {
            f"{number}: {image!r}" if isinstance(image, Exception) else f"{number}: another picture"
            for made in results
            for number, image in made
            if isinstance(image, Exception) or not torch.equal(image, alone[number])
        }
        assert not failed
