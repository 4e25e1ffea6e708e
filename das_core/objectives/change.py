"""Changes of objectives: where, when and for which images they count, and how they divide their views."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..common.curves import Curve
from ..common.keyframes import parse_keyframes
from .objective import Objective, Question
from .term import Fade, Point, Term, Track, join_names

# For each of the 1024 frames of the longest film, and its end. The work grows with the square of the number.
MOST_KEYFRAMES = 1025


def in_region(objective: Objective, mask: Tensor) -> Objective:
    """Return an objective that acts in a region: a mask multiplies its gradient, and its views lie around the mask.

    Coarse levels reach beyond its edge, so regions meet without a seam. Terms share views if they share the mask.

    Args:
        objective: the objective to restrict.
        mask: (B or 1, h, w), 0..1, of any size; it is resized to cover the picture. A zoom takes no regions.
    """
    return Objective(tuple(replace(term, regions=(mask, *term.regions)) for term in objective.terms))


def over_steps(objective: Objective, start: float = 0.0, end: float = 1.0, curve: Curve = "linear") -> Objective:
    """Return an objective whose weight is multiplied by a factor that changes over the ascent.

    Args:
        objective: the objective to schedule.
        start: the factor at the first step; 0 wastes it if nothing else is asked for.
        end: the factor at the last step.
        curve: how the factor gets from one to the other, see `common.curves.Curve`.
    """
    fade = Fade(start, end, curve)
    return Objective(tuple(replace(term, fades=(*term.fades, fade)) for term in objective.terms))


def over_frames(
    objective: Objective, weights: Sequence[float] | Sequence[Point] | Mapping[int, float], curve: Curve = "linear"
) -> Objective:
    """Return an objective whose weight is multiplied by a factor that differs from frame to frame.

    The model is not run on frames whose factor is 0, unless another objective needs them. In a zoom the depths take the
    place of the frames; in a batch of separate pictures, the pictures do.

    Args:
        objective: the objective.
        weights: a factor for every frame, such as the loudness of a sound; or those of some frames, by their numbers.
        curve: how the factor gets from one keyframe to the next.
    """
    points: Any = tuple(weights.items()) if isinstance(weights, Mapping) else tuple(weights)
    if points and not isinstance(points[0], tuple):
        track = Track(tuple((frame, float(factor)) for frame, factor in enumerate(points)), frames=len(points))
    else:
        track = Track(points, curve)
    return Objective(tuple(replace(term, tracks=(*term.tracks, track)) for term in objective.terms))


def over_keyframes(
    keyframes: str | Mapping[int, Any], make: Callable[[Any], Objective], curve: Curve = "cosine"
) -> Objective:
    """Return the objective of a film or a zoom that asks for another thing, such as a class, at every keyframe.

    The factor of what is asked for is 1 at its own keyframes and 0 at the others.

    Args:
        keyframes: a dictionary from frame numbers to what is asked for; or a text, see `parse_keyframes`. What is equal
            and of one type is asked for once; what cannot be hashed, if it is the same object.
        make: makes an objective of what is asked for; called once for everything that differs.
        curve: how factors are interpolated; `cosine` shows what a keyframe asks for longer than `linear`.

    Example:
        >>> import direct_ascent as da
        >>> film = da.over_keyframes("0: castle / 4: volcano / 8: castle", da.classes).on(da.load_starter())
        >>> [(term.name, term.tracks[0].points) for term in film.terms]
        [('castle', ((0, 1.0), (4, 0.0), (8, 1.0))), ('volcano', ((0, 0.0), (4, 1.0), (8, 0.0)))]
    """
    given: Mapping[int, Any] = parse_keyframes(keyframes) if isinstance(keyframes, str) else keyframes
    if not given:
        raise ValueError("there is no keyframe; give at least one, such as {0: 'a castle'}")
    if len(given) > MOST_KEYFRAMES:
        raise ValueError(f"{len(given)} keyframes are more than a film has frames; give at most {MOST_KEYFRAMES}")
    made: dict[Any, Objective] = {}
    objectives: dict[int, Objective] = {}
    for frame, asked in given.items():
        key: Any = type(asked), asked  # In Python the values 1, 1.0 and True are equal.
        try:
            hash(key)
        except TypeError:
            key = id(asked)
        objectives[frame] = made[key] = made[key] if key in made else make(asked)
    names = {frame: objective.name for frame, objective in objectives.items()}
    terms: list[Term | Question] = []
    for objective in made.values():
        points = tuple((frame, float(other is objective)) for frame, other in objectives.items())
        track = Track(points, curve, asked=names)
        terms += [replace(term, tracks=(*term.tracks, track)) for term in objective.terms]
    return Objective(tuple(terms))


def share_views(*objectives: Objective) -> Objective:
    """Return an objective that divides its views among several: n of them take about the time of one.

    A picture that gets high scores for a class from several models shows it better than one that pleases a single
    model. Each weight is divided by the number of objectives. The score that is shown is the mean over all views.

    Args:
        objectives: at least two, each with a judge. All their terms get about equally many views.

    Example:
        >>> import direct_ascent as da
        >>> models = [da.load_starter(), da.load_starter(da.SECOND_OPINION)]
        >>> both = da.share_views(*(da.classes("jellyfish").on(model) for model in models))
        >>> [(term.judge.name, term.share) for term in both.terms]
        [('EfficientNet-Lite0', (0, 2)), ('EfficientNet-Lite2', (1, 2))]
    """
    if len(objectives) < 2:
        raise ValueError(f"an ensemble of {len(objectives)} shares out nothing; give at least two objectives")
    name = join_names([objective.name for objective in objectives])
    if any(isinstance(term, Question) for objective in objectives for term in objective.terms):
        asked = Question(name, lambda judge: share_views(*(objective.on(judge) for objective in objectives)))
        return Objective((asked,))
    terms = [term for objective in objectives for term in objective.list_terms()]
    for term in terms:
        if term.judge is None:
            raise ValueError(
                f"'{term.name}' asks no model, so it has no views to share out; give it to the ascent by itself"
            )

    def describe(score: float) -> str:
        said = {term.describe(score) for term in terms}
        return said.pop() if len(said) == 1 else ""

    count, parts = len(terms), len(objectives)
    return Objective(
        tuple(
            replace(term, name=name, describe=describe, share=(number, count), weight=term.weight / parts)
            for number, term in enumerate(terms)
        )
    )
