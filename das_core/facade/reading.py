"""Turns what users ask for, such as 'jellyfish', 'layer4:12' or a function, into wishes."""

import re
from typing import Any

from ..common.text import unify_colons
from ..models.classifier import Classifier
from ..models.clip import CLIP
from ..models.judge import Judge
from ..models.labels import UnknownClassError
from ..models.layers.layer import find_layers
from ..objectives.classes import ScoreKind
from ..objectives.feature import feature_objective
from ..objectives.term import Objective
from .function_scores import of_views
from .wish import Wish
from .wishes import ask_class, ask_text


def read_wish(wish: Any, score: ScoreKind = "log_probability") -> Wish:
    """Convert a user's request to a `Wish`.

    Args:
        wish: a `Wish`, an objective, a function of the views, the index of a class, a list of classes, or a text. The
            meaning of a text depends on the model to which the `Wish` is given later. If this model has a layer named
            'layer', the text 'layer:12' is channel 12 of this layer, and 'layer' is the whole layer. Any other text is
            a class for a classifier, and a prompt for a CLIP. For other models, every text stands for a layer or a
            channel.
        score: the score of a class that is given by its name or index alone. If it is `logit`, the score of a prompt is
            the cosine; otherwise `text_objective` chooses it (`auto`). A `Wish` and an objective keep their
            own score.

    Raises:
        ValueError: when `wish` is none of these.
    """
    if isinstance(wish, Wish):
        return wish
    if isinstance(wish, str):
        return Wish(lambda judge: _read_text(judge, wish, score))
    if isinstance(wish, Objective):
        return Wish(lambda judge: wish)
    if callable(wish):
        return of_views(wish)
    if isinstance(wish, int | list):
        return Wish(lambda judge: ask_class(judge, wish, score))
    raise ValueError(
        f"a {type(wish).__name__} is nothing to ask for; give text such as 'jellyfish' or 'layer4:12', an objective, "
        "or a function of views"
    )


def read_keyframe(wish: Any) -> Wish:
    """Convert a request for a keyframe to a `Wish`; classes are scored by their logits, prompts by their cosines.

    Neighbouring frames resemble each other, so a frame often shows parts of two classes. If the model is nevertheless
    sure of the class of the frame, the log-probability has hardly any gradient, and the parts of the other class stay.
    The logit of a class still has a gradient, and so has the cosine of a prompt; see docs/method.md. A wish from
    `classes` keeps the log-probability, and a wish from `text` keeps the similarity `auto`.

    Args:
        wish: see `read_wish`.

    Raises:
        ValueError: see `read_wish`.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import classes
        >>> from das_core.facade.reading import read_keyframe
        >>> wishes = [read_keyframe(one) for one in ("castle", 483, classes("castle"))]
        >>> [wish.resolve(load_starter()).terms[0].score.kind for wish in wishes]
        ['logit', 'logit', 'log_probability']
    """
    return read_wish(wish, "logit")


def _read_text(judge: Judge, words: str, score: ScoreKind) -> Objective:
    """Return the objective that a text stands for: of a layer, a class or a prompt, depending on the model."""
    name, _, index = unify_colons(words).rpartition(":")
    numbered = bool(name) and re.fullmatch(r"\s*\d{1,9}\s*", index)
    only_layers = not isinstance(judge, Classifier | CLIP)
    if only_layers or _has_layer(judge, name if numbered else words):
        if numbered:
            return feature_objective(judge, name, "channel", int(index))
        return feature_objective(judge, words)
    if isinstance(judge, CLIP):
        return ask_text(judge, words, "cosine" if score == "logit" else "auto")
    try:
        return ask_class(judge, words, score)
    except UnknownClassError as error:
        # A text such as 'layer4:12', without a space in the name, may mean a channel.
        if not numbered or " " in name.strip():
            raise
        try:
            return feature_objective(judge, name, "channel", int(index))
        except ValueError as no_layer:
            raise ValueError(f"{error}. If a channel is meant: {no_layer}") from error


def _has_layer(judge: Judge, name: str) -> bool:
    """Return whether a judge has a layer of that name; a text with a space inside names no layer."""
    wanted = name.strip()
    # Looked for in the modules first, because `find_layers` runs the model.
    if " " in wanted or not any(wanted == part for part, _ in judge.module.named_modules()):
        return False
    return any(found.name == wanted for found in find_layers(judge))
