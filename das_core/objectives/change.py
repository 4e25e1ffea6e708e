"""Changes of objectives: where, when and for which images they count, and how they divide their views."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..common.curves import Curve
from ..common.keyframes import parse_keyframes
from .term import Fade, Objective, Term, format_score, join_names
from .track import Point, Track

MOST_KEYFRAMES = 1025
"""The most keyframes that `over_keyframes` takes: one for each of the 1024 frames of the longest film, and one for its
end. Every wish gets a factor at every keyframe, so the work grows with the square of the number of keyframes."""


def in_region(objective: Objective, mask: Tensor) -> Objective:
    """Return an objective that acts in a region: a mask multiplies its gradient, and its views lie around the mask.

    Changes of coarse levels reach beyond the edge of the mask, so neighbouring regions meet without a seam. Terms share
    their views only if their masks are the same tensor.

    Args:
        objective: the objective to restrict.
        mask: (B or 1, h, w), 0..1, of any size; it is resized to cover the picture. A zoom takes no regions.

    Example:
        >>> import torch
        >>> from das_core import class_objective, in_region, load_starter
        >>> left = torch.zeros(1, 64, 64)
        >>> left[:, :, :32] = 1
        >>> castle = in_region(class_objective(load_starter(), "castle"), left)
        >>> [tuple(mask.shape) for mask in castle.terms[0].regions]
        [(1, 64, 64)]
    """
    return Objective(tuple(replace(term, regions=(mask, *term.regions)) for term in objective.terms))


def over_steps(objective: Objective, start: float = 0.0, end: float = 1.0, curve: Curve = "linear") -> Objective:
    """Return an objective whose weight is multiplied by a factor that changes over the ascent.

    With a single objective, a `start` of 0 wastes the first step, and an `end` of 0 the last.

    Args:
        objective: the objective to schedule.
        start: the factor at the first step.
        end: the factor at the last step.
        curve: how the factor gets from one to the other, see `common.curves.Curve`.

    Raises:
        ValueError: when a factor is not finite or too large, or there is no such curve.

    Example:
        >>> from das_core import over_steps, prior
        >>> over_steps(prior("total_variation", weight=0.2), start=1.0, end=0.0).terms[0].weight_at(0.5)
        0.1
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
        weights: a factor for every frame, such as the loudness of a sound; or keyframes, the factors of some frames by
            their numbers, from 0 (see `Track`).
        curve: how the factor gets from one keyframe to the next.

    Raises:
        ValueError: when there is no keyframe, a number or a factor is out of range, or there is no such curve.

    Example:
        >>> from das_core import Time, over_frames, prior
        >>> loud = over_frames(prior("total_variation"), [0.0, 0.3, 1.0])
        >>> loud.terms[0].weigh_images(Time(3).timeline)
        (0.0, 0.3, 1.0)
    """
    points = tuple(weights.items()) if isinstance(weights, Mapping) else tuple(weights)
    if points and not isinstance(points[0], tuple):
        track = Track(tuple((frame, float(factor)) for frame, factor in enumerate(points)), frames=len(points))  # type: ignore[arg-type]
    else:
        track = Track(points, curve)  # type: ignore[arg-type]
    return _add_track(objective, track)


def _add_track(objective: Objective, track: Track) -> Objective:
    """Return an objective whose terms have one more track."""
    return Objective(tuple(replace(term, tracks=(*term.tracks, track)) for term in objective.terms))


def over_keyframes(
    keyframes: str | Mapping[int, Any], make: Callable[[Any], Objective], curve: Curve = "cosine"
) -> Objective:
    """Return the objective of a film or a zoom that asks for another thing, such as a class, at every keyframe.

    The factor of a wish is 1 at its own keyframes and 0 at those of other wishes, so that one fades out while the next
    fades in.

    Args:
        keyframes: a dictionary from frame numbers to wishes; or a text, see `parse_keyframes`. Wishes that are equal
            and of one type are one wish; values that cannot be hashed are one only if they are the same object.
        make: makes the objective of a wish; called once for every different wish.
        curve: how factors are interpolated. With `cosine`, frames near a keyframe show its wish more clearly than with
            `linear`.

    Raises:
        ValueError: when the text cannot be read, there are no keyframes or more than 1025, or one is not a whole number
            from 0 up.

    Example:
        >>> from das_core import class_objective, load_starter, over_keyframes
        >>> model = load_starter()
        >>> film = over_keyframes("0: castle / 4: volcano / 8: castle", lambda name: class_objective(model, name))
        >>> [(term.name, term.tracks[0].points) for term in film.terms]
        [('castle', ((0, 1.0), (4, 0.0), (8, 1.0))), ('volcano', ((0, 0.0), (4, 1.0), (8, 0.0)))]
    """
    wishes: Mapping[int, Any] = parse_keyframes(keyframes) if isinstance(keyframes, str) else keyframes
    if not wishes:
        raise ValueError("there is no keyframe; give at least one, such as {0: 'a castle'}")
    if len(wishes) > MOST_KEYFRAMES:
        raise ValueError(f"{len(wishes)} keyframes are more than a film has frames; give at most {MOST_KEYFRAMES}")
    # Each different wish gets a number. Below, these numbers are compared, not the wishes: tensors, for example, are
    # compared number by number.
    different: list[Any] = []
    numbers: dict[Any, int] = {}
    number_at: dict[int, int] = {}
    for frame, wish in wishes.items():
        number_at[frame] = numbers.setdefault(_identify(wish), len(different))
        if number_at[frame] == len(different):
            different.append(wish)
    made = [make(wish) for wish in different]
    names = {frame: made[number].name for frame, number in number_at.items()}
    terms: list[Term] = []
    for number, objective in enumerate(made):
        points = tuple((frame, float(other == number)) for frame, other in number_at.items())
        terms += _add_track(objective, Track(points, curve, wishes=names)).terms
    return Objective(tuple(terms))


def _identify(wish: Any) -> tuple[Any, ...]:
    """Return a key for a wish; the type matters because in Python the values 1, 1.0 and True are equal."""
    try:
        hash(wish)
    except TypeError:
        return (id(wish),)
    return (type(wish), wish)


def share_views(*objectives: Objective) -> Objective:
    """Return an objective that divides its views among several: n of them take about the time of one.

    A picture that gets high scores for a class from several models shows it better than one that pleases a single
    model. Each weight is divided by the number of objectives. The score that is shown is the mean over all views.

    Args:
        objectives: at least two, each with a judge. All their terms get about equally many views.

    Raises:
        ValueError: when there are fewer than two objectives, or one of them has no judge.

    Example:
        >>> from das_core import SECOND_OPINION, class_objective, load_starter, share_views
        >>> models = [load_starter(), load_starter(SECOND_OPINION)]
        >>> both = share_views(*(class_objective(model, "jellyfish") for model in models))
        >>> [(term.judge.name, term.share) for term in both.terms]
        [('EfficientNet-Lite0', (0, 2)), ('EfficientNet-Lite2', (1, 2))]
    """
    if len(objectives) < 2:
        raise ValueError(f"an ensemble of {len(objectives)} shares out nothing; give at least two objectives")
    terms = [term for objective in objectives for term in objective.terms]
    for term in terms:
        if term.judge is None:
            raise ValueError(
                f"'{term.name}' asks no model, so it has no views to share out; give it to the ascent by itself"
            )
    name = join_names([objective.name for objective in objectives])
    describe = _CommonText(tuple(term.describe for term in terms))
    return Objective(
        tuple(
            replace(
                term,
                name=name,
                describe=describe,
                share=(number, len(terms)),
                weight=term.weight / len(objectives),
            )
            for number, term in enumerate(terms)
        )
    )


@dataclass(frozen=True)
class _CommonText:
    """Describes a score as all of several functions do; if they differ, as a number."""

    describes: tuple[Callable[[float], str], ...]

    def __call__(self, score: float) -> str:
        said = {describe(score) for describe in self.describes}
        return said.pop() if len(said) == 1 else format_score(score)
