"""Turns what users ask for, such as 'jellyfish', 'layer4:12' or a function, into objectives."""

import re
from dataclasses import replace
from typing import Any

from ..common.scalars import as_whole
from ..common.text import shorten, unify_colons
from ..models.classifier import Classifier
from ..models.clip import CLIP
from ..models.judge import Judge
from ..models.labels import UnknownClassError
from ..models.layers.heads import HEADS
from ..models.layers.layer import UnknownLayerError, find_layer, find_layers
from ..objectives.classes import ScoreKind, classes
from ..objectives.embedding import text
from ..objectives.feature import feature
from ..objectives.functions import of_views
from ..objectives.objective import Objective, Question
from ..objectives.term import Term
from .wrap import find_judge


def read_objective(asked: Any, score: ScoreKind = "log_probability") -> Objective:
    """Return what a user asks for as an `Objective`; `score` is that of bare classes, and `share` makes prompts
    cosines."""
    if isinstance(asked, Objective):
        return asked
    if isinstance(asked, str) and not asked.strip():
        raise ValueError(
            "an empty text asks for nothing; -1 * 'goldfish' is one in Python, for only objectives have weights: write "
            "-1 * classes('goldfish'), or -1 * text(…) for a CLIP"
        )
    if isinstance(asked, str):
        return Objective((Question(shorten(asked, 40), lambda judge: _read_text(judge, asked, score)),))
    if callable(asked):
        return of_views(asked)
    if as_whole(asked) is not None or isinstance(asked, list | tuple | range):
        return classes(asked, score)
    raise ValueError(
        f"a {type(asked).__name__} is nothing to ask for; give text such as 'jellyfish' or 'layer4:12', the index of "
        "a class or a list of indices, an objective, or a function of views"
    )


def bind(objective: Objective, judge: Judge) -> Objective:
    """Return an objective of a judge (`Objective.on`), all of whose judges compute on its device."""

    def move(term: Term) -> Term:
        return term if term.judge is None else replace(term, judge=find_judge(term.judge, judge.device))

    return Objective(tuple(map(move, objective.on(judge).list_terms())))


_NUMBERED = re.compile(r"\s*(?P<name>[!-~]+?)\s*:\s*(?P<number>[-+.,;\s\d]*\d)\s*")
"""A name without spaces and a number, such as 'layer4:12'. Names of modules are ASCII."""


_PLACED = re.compile(r"\s*([!-~]+?)\s*:\s*(\d{1,9})\s*:\s*([-+.,;\s\d]*\d)\s*")
"""A numbered name with a second number behind it, such as 'layer4:12:3,4'."""


def _read_text(judge: Judge, words: str, score: ScoreKind) -> Objective:
    """Return the objective that a text stands for: of a layer, a class or a prompt, depending on the model."""
    numbered = _NUMBERED.fullmatch(unify_colons(words))
    if (placed := _PLACED.fullmatch(unify_colons(words))) and _has_layer(judge, placed[1]):
        name, index, place = placed.groups()
        raise ValueError(
            f"'{shorten(words)}' has two colons; write neuron('{name}', {index}, ({place}{',' * (',' not in place)})) "
            f"for the place {place} of channel {index}, or 0.5 * channel('{name}', {index}) with a weight"
        )
    if not isinstance(judge, Classifier | CLIP) or _has_layer(judge, numbered["name"] if numbered else words):
        return _ask_channel(judge, numbered) if numbered else feature(words).on(judge)
    if isinstance(judge, CLIP):
        if numbered is None:
            return text(words, "cosine" if score == "share" else "auto").on(judge)
        try:
            return _ask_channel(judge, numbered)
        except ValueError as error:
            raise ValueError(f"{error}. A prompt with a weight is text({shorten(words, 40)!r})") from error
    try:
        return classes(words, score).on(judge)
    except UnknownClassError as error:
        if numbered is None:
            raise
        try:
            return _ask_channel(judge, numbered)
        except ValueError as no_layer:
            raise ValueError(f"{error}. If a channel is meant: {no_layer}") from error


def _ask_channel(judge: Judge, numbered: re.Match[str]) -> Objective:
    """Return the objective of a channel, or of a head in a layer of heads, given by the match of `_NUMBERED`."""
    name, number = numbered["name"], numbered["number"]
    found = find_layer(find_layers(judge), name, judge.name)
    what = "head" if found.heads else "channel"
    if not re.fullmatch(r"[-+]?\d{1,9}", number):
        raise ValueError(
            f"'{shorten(number)}' is no {what} of layer {found.name}; write one whole number, such as '{found.name}:0'"
            + ("" if found.heads else f", or channels('{found.name}', [0, 1]) for a picture of each")
        )
    return feature(found.name, "head" if found.heads else "channel", int(number)).on(judge)


def _has_layer(judge: Judge, name: str) -> bool:
    """Return whether a judge has a layer of that name; a text with a space inside names no layer."""
    wanted = name.strip()
    # Looked for in the modules first, because `find_layers` runs the model.
    module = wanted.removeprefix("visual.").removesuffix(HEADS)
    if " " in wanted or not any(part in (wanted, module) for part, _ in judge.module.named_modules()):
        return False
    try:
        return bool(find_layer(find_layers(judge), wanted, judge.name))
    except UnknownLayerError:
        return False
