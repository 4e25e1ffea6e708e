"""Makes a film from a stack: the images of the stack are spread over the frames, and an ascent can start from these."""

from dataclasses import replace

from .image_stack import ImageStack
from .render_film import find_moments, mix_moments, mix_surroundings
from .time import Time


def as_film(stack: ImageStack, time: Time) -> ImageStack:
    """Return a film whose frames start from the canvases of a stack, spread over time and interpolated linearly.

    If the stack has one image, every frame starts from it. If the stack has as many images as there are frames, each
    image becomes a frame. A stack that is a film already is given more or fewer frames. The number of steps is kept,
    but neither the accumulated gradient nor the state of the optimizer.

    Args:
        stack: a stack that is not a zoom and does not have the method `layers`, which keeps levels as tensors.
        time: the time axis of the film. In a loop, frames after the last image are interpolated between the last and
            the first image. Otherwise the first frame is the first image, and the last frame the last image; a film of
            one frame has the first image.

    Raises:
        ValueError: when the stack has the method `layers`, is a zoom, or has more images than the longest film has
            frames (`MOST_FRAMES`).

    Example:
        >>> from das_core import ImageStack, StackSpec, Time, as_film
        >>> clouds = ImageStack.noise(StackSpec(width=32, height=32, margin=8), batch=3)
        >>> film = as_film(clouds, Time(frames=5))
        >>> film, bool((film.image()[[0, 2, 4]] == clouds.image()).all())
        (ImageStack(32 x 32, 5 frames, 0 steps), True)
    """
    moments = find_moments(Time(stack.batch, loop=time.loop), time.frames)
    spec = replace(stack.spec, time=time)
    film = ImageStack.from_canvas(spec, mix_moments(stack.canvas, moments))
    return replace(film, steps=stack.steps, surroundings=mix_surroundings(stack.surroundings, moments))
