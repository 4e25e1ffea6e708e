"""Stacks as pictures with levels: the same canvas, and what was accumulated still leads to it."""

from dataclasses import replace

import torch

from cases import each_case
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.conversion import as_pictures, as_pyramid
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import Parametrization
from das_core.stack.time import Time
from toys import SPEC, climb


@each_case("optimizer", [SGD(0.1), NormalizedAscent()])
@each_case("method", ["spectral", "exact"])
def test_the_frames_of_a_film_are_pictures_with_what_was_accumulated(method: str, optimizer: Optimizer) -> None:
    spec = replace(SPEC, method=method, time=Time(4))  # type: ignore[arg-type]
    stack = climb(ImageStack.noise(spec), steps=2, optimizer=optimizer).stack
    pictures = as_pictures(stack)
    assert pictures.spec == replace(spec, time=None)
    assert pictures.canvas is stack.canvas
    assert (pictures.parameters is None) == (stack.parameters is None)
    if pictures.parameters is not None:
        added = pictures.spec.operator(torch.device("cpu")).forward(pictures.parameters)
        torch.testing.assert_close(pictures.start + added, stack.canvas, rtol=0, atol=1e-4)


def test_pictures_stay_as_they_are() -> None:
    stack = ImageStack.noise(SPEC)
    assert as_pictures(stack) is stack


@each_case("parametrization", ["pixels", "fourier", "maco"])
def test_any_parametrisation_is_a_pyramid_of_the_same_canvas(parametrization: Parametrization) -> None:
    spec = replace(SPEC, parametrization=parametrization)
    stack = climb(ImageStack.noise(spec), steps=2, optimizer=NormalizedAscent()).stack
    pyramid = as_pyramid(stack)
    assert pyramid.spec == SPEC
    assert (pyramid.canvas is stack.canvas, pyramid.start is stack.start) == (True, True)
    assert (pyramid.parameters, pyramid.optimizer_state) == (None, None)
    assert as_pyramid(pyramid) is pyramid
