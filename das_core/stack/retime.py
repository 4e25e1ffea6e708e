"""A stack as a film of another number of frames: pictures spread over time, from which a film climbs."""

from dataclasses import replace

from .image_stack import ImageStack
from .render_film import find_moments, mix_moments, mix_surroundings
from .time import Time


def as_film(stack: ImageStack, time: Time) -> ImageStack:
    """Return a stack as a film: its images are spread over the frames, and go over into each other between.

    One image stands still, as many as there are frames are the frames, and a film gets more frames or fewer. What an
    ascent has accumulated stays with the stack that it belongs to: the film starts from what the stack shows.

    Args:
        stack: any stack that has no levels as tensors (the method `layers`).
        time: the frames, and the levels along them. In a loop the last image goes over into the first; else the first
            and the last frame are the first and the last image.

    Raises:
        ValueError: when the stack has the method `layers`, or more images than a film has frames.

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
