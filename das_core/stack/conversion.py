"""Converts stacks of any kind to pictures that are made of levels and show the same."""

from dataclasses import replace

from .image_stack import ImageStack
from .state import AccumulatedGradient
from .time import mix_frames, time_matrix


def as_pictures(stack: ImageStack) -> ImageStack:
    """Return the frames of a film as pictures, each by itself; a stack without time is returned as it is.

    Their accumulated gradient is K_t (`stack/time.py`) times the accumulated gradient of the film.

    Args:
        stack: any stack.
    """
    time, parameters = stack.spec.time, stack.parameters
    if time is None:
        return stack
    if parameters is not None:
        matrix = time_matrix(time).to(parameters.tensors[0])
        parameters = AccumulatedGradient((mix_frames(matrix, parameters.tensors[0]),))
    spec = replace(stack.spec, time=None)
    return replace(stack, spec=spec, parameters=parameters, optimizer_state=None)


def as_pyramid(stack: ImageStack) -> ImageStack:
    """Return a stack of the parametrisation `pyramid`, with levels, that shows the same as a stack of any other.

    Args:
        stack: any stack. A pyramid is returned unchanged, except that the frames of a film become pictures.
    """
    stack = as_pictures(stack)
    if stack.spec.parametrization == "pyramid":
        return stack
    return replace(stack, spec=replace(stack.spec, parametrization="pyramid"), parameters=None, optimizer_state=None)
