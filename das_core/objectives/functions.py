"""Objectives of one's own: a function of the activations of layers, or of views."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from ..common.scalars import as_list
from ..common.text import shorten
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.layer import find_layer, find_layers
from .objective import Objective, make_objective, question
from .term import join_names


@question
def activations(judge: Judge, layers: str | Sequence[str], score: Callable[[Any], Tensor]) -> Objective:
    """Ask for a high value of `score`, a function of the activations of a layer, (V, channels, …), that returns
    scores (V,): `activations("blocks.3", lambda values: values[:, 5].amax(dim=(1, 2)))`. For a list of
    `layers`, it gets the `Activations` by their names. One model computes them all (`Objective.on` chooses it)."""
    names = [layers] if isinstance(layers, str) else as_list("layers", layers, "['blocks.1', 'blocks.3']")
    if not names or not callable(score):
        wrong = f"score {shorten(score)} is no function; give one" if names else "no layer is named; name one at least"
        raise ValueError(f"{wrong}, as in activations('blocks.3', lambda values: values[:, 5].mean(dim=(1, 2)))")

    known = find_layers(judge)
    found = [find_layer(known, name, judge.name) for name in names]

    def score_layers(output: Activations, images: Tensor) -> Tensor:
        # By the names that the user has given, from which those of layers may differ.
        values = {name: output[layer.name] for name, layer in zip(names, found, strict=True)}
        return score(values[names[0]] if isinstance(layers, str) else Activations(values))

    name = f"{_name(score)} of {join_names(names)}"
    return make_objective(name, [(make_activation_judge(judge, found), score_layers)])


@question
def of_views(judge: Judge, score: Callable[[Tensor], Tensor]) -> Objective:
    """Ask for a high value of `score`, a function from views (V, 3, size, size), 0..1, to scores (V,)."""
    # A judge of the same size that returns the views as they are.
    views = Judge("views", nn.Identity(), judge.size, (0.0,) * 3, (1.0,) * 3)
    return make_objective(_name(score), [(views, lambda output, images: score(output))])


def _name(score: Any) -> str:
    """Return the name of a function; that of a lambda is '<lambda>' to Python."""
    return str(getattr(score, "__name__", type(score).__name__)).strip("<>")
