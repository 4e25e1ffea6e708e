"""Converts films to separate pictures, and other parametrisations to levels, with the same canvas."""

from dataclasses import replace

from .image_stack import ImageStack
from .state import AccumulatedGradient
from .time import mix_frames, time_matrix


def as_pictures(stack: ImageStack) -> ImageStack:
    """Return the frames of a film as separate pictures; a stack that is no film is returned unchanged.

    The operator of a film is K in space times K_t, the matrix of the levels in time (`stack/time.py`). The operator of
    pictures is K in space alone. Therefore the accumulated gradient is multiplied by K_t, so that the operator times
    the accumulated gradient is still the change of the canvas. The state of the optimizer is dropped.

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
    """Return a stack with the same canvas in the parametrisation `pyramid`, which has levels.

    Args:
        stack: any stack. The frames of a film become pictures (`as_pictures`). A stack of another parametrisation loses
            its parameters and the state of its optimizer. A pyramid that is no film is returned unchanged.
    """
    stack = as_pictures(stack)
    if stack.spec.parametrization == "pyramid":
        return stack
    return replace(stack, spec=replace(stack.spec, parametrization="pyramid"), parameters=None, optimizer_state=None)
