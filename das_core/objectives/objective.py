"""Objectives as data: a sum of terms, and of questions that a judge turns into terms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from inspect import Signature, signature
from typing import Any, ClassVar, Concatenate, ParamSpec

from torch import Tensor

from ..common.text import shorten
from ..common.weighted_lines import check_weight
from ..models.judge import Judge, check_judge
from .term import Fade, Score, Term, Track, join_names

P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Question:
    """A part of an objective whose judge is named later (`Objective.on`): `ask` makes it for a judge. Weight, regions,
    fades and tracks add to those of its terms. `asked`, a function and its arguments, is how settings write it down."""

    name: str
    ask: "Callable[[Judge], Objective]" = field(repr=False)
    weight: float = 1.0
    regions: tuple[Tensor, ...] = field(default=(), repr=False)
    fades: tuple[Fade, ...] = ()
    tracks: tuple[Track, ...] = ()
    asked: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False)
    share: ClassVar[tuple[int, int]] = (0, 1)

    def __post_init__(self) -> None:
        check_weight(self.weight, "the objective")

    def answer(self, judge: Judge) -> tuple[Term, ...]:
        """Return the terms that a judge makes of this question."""
        return tuple(
            replace(
                term,
                weight=term.weight * self.weight,
                regions=(*self.regions, *term.regions),
                fades=(*term.fades, *self.fades),
                tracks=(*term.tracks, *self.tracks),
            )
            for term in self.ask(judge).on(judge).list_terms()
        )


@dataclass(frozen=True, eq=False, repr=False)
class Objective:
    """What is asked of a picture: a sum of terms, each of a judge, or of one that is named later.

    Objectives are added, subtracted and weighted with `+`, `-`, `*` and `/`, as in lucid (Olah et al., Feature
    Visualization, 2017). `render` asks its model what names no judge; `on` names another one, so that one picture
    pleases several: `text("a castle") + 0.3 * channel("layer3", 5).on(wrap(resnet))`.

    Args:
        terms: terms and questions. Terms that divide their views (`Term.share`) stand side by side, from 0 up.

    Example:
        >>> import direct_ascent as da
        >>> objective = 0.7 * da.classes("jellyfish") - 0.3 * da.channel("blocks.3", 5) + da.prior("range", 0.1)
        >>> [(term.name, term.weight) for term in objective.on(da.load_starter()).terms]
        [('jellyfish', 0.7), ('blocks.3 channel 5', -0.3), ('range', 0.1)]
    """

    terms: tuple[Term | Question, ...]

    def __post_init__(self) -> None:
        terms = tuple(self.terms) if isinstance(self.terms, Sequence) else (self.terms,)
        for term in terms:
            if not isinstance(term, Term | Question):
                raise ValueError(
                    f"a {type(term).__name__} is no term of an objective; give terms, as in "
                    "Objective((Term('brightness', score),)), and join objectives with +"
                )
        if not terms:
            raise ValueError("no term is given, so there is nothing to ask for; give at least one")
        expected = (0, terms[0].share[1])
        for term in terms:
            if term.share[0] == 0:
                expected = (0, term.share[1])
            if term.share != expected:
                raise ValueError(f"'{term.name}' has the share {term.share}, and {expected} is the next; count from 0")
            expected = (expected[0] + 1, expected[1])
        object.__setattr__(self, "terms", terms)

    @property
    def name(self) -> str:
        """The names of the terms, each once, separated by commas; an ellipsis ends a long list."""
        return join_names([term.name for term in self.terms])

    def on(self, judge: Judge) -> "Objective":
        """Return this objective with every question asked of a judge; terms keep theirs.

        Raises:
            ValueError: when the judge cannot be asked, such as a classifier for a text.
        """
        judge = check_judge(judge, Judge)
        found = [term.answer(judge) if isinstance(term, Question) else (term,) for term in self.terms]
        return Objective(tuple(term for terms in found for term in terms))

    def list_terms(self) -> tuple[Term, ...]:
        """Return the terms, or raise a ValueError when a judge is still to be named."""
        terms = tuple(term for term in self.terms if isinstance(term, Term))
        if len(terms) < len(self.terms):
            raise ValueError(f"'{self.name}' asks no judge yet; name one, as in objective.on(load_starter())")
        return terms

    @property
    def parts(self) -> tuple[tuple[Term, ...], ...]:
        """The terms in groups that divide their views; each group has one score in the history of an ascent."""
        parts: list[tuple[Term, ...]] = []
        for term in self.list_terms():
            if term.share[0] == 0:
                parts.append(())
            parts[-1] += (term,)
        return tuple(parts)

    def __repr__(self) -> str:
        return f"Objective({self.name!r})"

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.terms + other.terms) if isinstance(other, Objective) else NotImplemented

    def __radd__(self, other: int) -> "Objective":
        # `sum` begins with 0 and adds the first objective to it.
        return self if other == 0 else NotImplemented

    def __mul__(self, factor: float) -> "Objective":
        if not isinstance(factor, int | float):
            return NotImplemented
        return Objective(tuple(replace(term, weight=term.weight * factor) for term in self.terms))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Objective":
        return self * (1 / divisor) if isinstance(divisor, int | float) else NotImplemented

    def __neg__(self) -> "Objective":
        return self * -1

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -other if isinstance(other, Objective) else NotImplemented


def make_objective(name: str, asked: Sequence[tuple[Judge | None, Score]], **settings: Any) -> Objective:
    """Return an objective with a term for each pair of a judge and a score; they divide the views and the weight."""
    count = len(asked)
    return Objective(
        tuple(
            Term(name, score, judge, 1 / count, share=(number, count), **settings)
            for number, (judge, score) in enumerate(asked)
        )
    )


def question(ask: Callable[Concatenate[Judge, P], Objective]) -> Callable[P, Objective]:
    """Turn a function of a judge and more into a function of the rest, whose objective names its judge later."""
    judge, *rest = signature(ask).parameters.values()
    own = Signature(rest)

    @wraps(ask)
    def make(*args: P.args, **kwargs: P.kwargs) -> Objective:
        given = own.bind(*args, **kwargs).arguments
        said = ", ".join(shorten(value, 30) for value in given.values())
        name = f"{ask.__name__} {said}".rstrip()
        return Objective((Question(name, partial(ask, **given), asked=(ask.__name__, given)),))

    make.__signature__ = own  # type: ignore[attr-defined]
    make.__annotations__.pop(judge.name, None)
    return make


def list_objectives(objectives: Objective | Sequence[Objective]) -> list[Objective]:
    """Return one or several objectives as a list."""
    several = list(objectives) if isinstance(objectives, Sequence) else [objectives]
    for objective in several:
        if not isinstance(objective, Objective):
            raise ValueError(
                f"{type(objective).__name__} is no objective; make one, such as classes('jellyfish').on(classifier); "
                "of a Term of your own, Objective((term,))"
            )
    return several


def join_objectives(objectives: Objective | Sequence[Objective], purpose: str = "climb") -> Objective:
    """Return one or several objectives as their sum; `purpose` is a verb that messages use."""
    several = list_objectives(objectives)
    if not several:
        raise ValueError(f"no objective is given, so there is nothing to {purpose}; give at least one")
    terms = tuple(term for objective in several for term in objective.list_terms())
    if not any(term.largest_weight for term in terms):
        raise ValueError(f"the weights of all objectives are 0, so there is nothing to {purpose}; raise one above 0")
    if names := _find_cancelled(terms):
        raise ValueError(f"'{join_names(names)}' is asked for and against alike, so gradients cancel; leave one out")
    return Objective(terms)


def _find_cancelled(terms: Sequence[Term]) -> list[str]:
    """Return the names of terms whose weights add up to 0 with those of equal terms, if that is so for all terms."""
    sums: dict[tuple[Any, ...], float] = {}
    for term in terms:
        asked = term.judge and (id(term.judge.module), term.judge.answer_key)
        images = [*map(id, (*term.regions, *term.references))]
        key: tuple[Any, ...] = (term.score, asked, *images, term.fades, term.tracks, term.share)
        try:
            hash(key)
        except TypeError:  # Of a score of the user, of which is not known when it equals another.
            key = (id(term),)
        sums[key] = sums.get(key, 0.0) + term.weight
    scale = max(abs(term.weight) for term in terms)
    return [] if any(abs(total) > 1e-9 * scale for total in sums.values()) else [term.name for term in terms]
