"""What a model can be asked for: a `Wish`, made before the model is known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce, wraps
from inspect import signature
from operator import add
from os import PathLike
from typing import Any, ParamSpec

import numpy as np
from torch import Tensor, nn

from ..common.images import Images
from ..common.scalars import as_list
from ..common.text import shorten
from ..models.clip import CLIP
from ..models.dictionary import Dictionary
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.layer import find_layer, find_layers
from ..models.sources.dictionaries import load_dictionary
from ..models.sources.preferences import PreferenceHead, load_preference
from ..objectives.classes import ScoreKind, Targets, class_objective
from ..objectives.content import caricature_objective, content_objective
from ..objectives.diversity import diversity_objective
from ..objectives.embedding import TextSimilarity, embedding_objective, image_objective, text_objective
from ..objectives.feature import Direction, Kind, feature_objective
from ..objectives.latent import Latents, latent_objective
from ..objectives.per_image import one_per_image
from ..objectives.preference import preference_objective
from ..objectives.term import Objective, join_names, make_objective
from .wrap import find_judge

P = ParamSpec("P")


@dataclass(frozen=True)
class Wish:
    """What to ask a model for.

    Wishes are summed and weighted with `+`, `-`, `*` and `/`, as in lucid (Olah et al., Feature Visualization, 2017).

    Args:
        resolve: makes the objective, given the model; it raises a ValueError when the model cannot be asked for it.
        asked: the name of the function that made it, and its arguments, by which settings write it down; None for
            what they cannot hold.

    Example:
        >>> import direct_ascent as da
        >>> wish = 0.7 * da.classes("jellyfish") - 0.3 * da.channel("blocks.3", 5) + da.prior("range", 0.1)
        >>> [(term.name, term.weight) for term in wish.resolve(da.load_starter()).terms]
        [('jellyfish', 0.7), ('blocks.3 channel 5', -0.3), ('range', 0.1)]
    """

    resolve: Callable[[Judge], Objective]
    asked: tuple[str, Mapping[str, Any]] | None = field(default=None, repr=False, compare=False)

    def __add__(self, other: "Wish | Objective") -> "Wish":
        parts = self.asked[1]["parts"] if self.asked and self.asked[0] == "sum_up" else (self,)
        return sum_up((*parts, other)) if isinstance(other, Wish | Objective) else NotImplemented

    def __radd__(self, other: "Objective | int") -> "Wish":
        # `sum` begins with 0 and adds the first wish to it.
        if isinstance(other, Objective):
            return sum_up((other, self))
        return self if other == 0 else NotImplemented

    def __neg__(self) -> "Wish":
        return self * -1

    def __sub__(self, other: "Wish | Objective") -> "Wish":
        return self + -other if isinstance(other, Wish | Objective) else NotImplemented

    def __rsub__(self, other: Objective) -> "Wish":
        return other + -self if isinstance(other, Objective) else NotImplemented

    def __mul__(self, factor: float) -> "Wish":
        return scale(self, factor) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "Wish":
        return self * (1 / divisor) if isinstance(divisor, int | float) else NotImplemented

    def on(self, model: nn.Module | Judge) -> "Wish":
        """Return this wish for a model of its own, so that one picture pleases several: `text("a castle") + 0.3 *
        channel("layer3", 5).on(resnet)`. The model computes on the device of the render."""
        return Wish(lambda judge: self.resolve(find_judge(model, judge.device)))


def _record(ask: Callable[P, Wish]) -> Callable[P, Wish]:
    """Let the wishes of a function say how they were made."""

    @wraps(ask)
    def record(*args: P.args, **kwargs: P.kwargs) -> Wish:
        return replace(ask(*args, **kwargs), asked=(ask.__name__, signature(ask).bind(*args, **kwargs).arguments))

    return record


@_record
def sum_up(parts: Sequence[Wish | Objective]) -> Wish:
    """Ask for all parts."""
    if not parts or not all(isinstance(part, Wish | Objective) for part in parts):
        raise ValueError(f"{shorten(parts)} is no list of wishes; give some, such as a channel and a prior")
    return Wish(lambda judge: reduce(add, [part.resolve(judge) if isinstance(part, Wish) else part for part in parts]))


@_record
def scale(wish: Wish, factor: float) -> Wish:
    """Ask for a wish with another weight."""
    if not isinstance(wish, Wish):
        raise ValueError(f"{shorten(wish)} is no wish; give one, such as a channel")
    return Wish(lambda judge: wish.resolve(judge) * factor)


@_record
def classes(which: Targets, score: ScoreKind = "log_probability") -> Wish:
    """Ask for classes: `which` is an index, a text (`parse_classes`) or a list of classes; for `score` see
    `class_objective`."""
    return Wish(lambda judge: class_objective(judge, which, score))


@_record
def text(prompt: str) -> Wish:
    """Ask a CLIP for what `prompt` describes: one prompt per line, optionally followed by ': weight'."""
    return Wish(lambda judge: ask_text(judge, prompt))


def ask_text(judge: Judge, prompt: str, similarity: TextSimilarity = "auto") -> Objective:
    """Return the objective of a prompt for a CLIP, or raise a ValueError when the judge cannot read text."""
    if isinstance(judge, CLIP) and judge.text is None:
        raise ValueError(
            f"{judge.name} has nothing to read words with; of a model of open_clip make it with wrap(model, "
            "tokenizer=open_clip.get_tokenizer('ViT-B-16-SigLIP')), with the name of its architecture, and of one of "
            "transformers with wrap(model, processor=AutoProcessor.from_pretrained(…))"
        )
    return text_objective(judge, prompt, similarity)


@_record
def image(photo: Images, layer: str = "") -> Wish:
    """Ask for what is like a `photo`, wherever things are in it, or like several: a near embedding of a CLIP or of
    another embedder; of other models, and with a `layer`, near features, averaged over all positions (`pool_layer`).
    Photographs are added and subtracted: `image(dog) + image(snow) - image(grass)`."""
    return Wish(lambda judge: image_objective(judge, photo, layer=layer))


@_record
def embedding(vector: Tensor | np.ndarray[Any, Any] | Sequence[Any], layer: str = "") -> Wish:
    """Ask for an embedding near to a `vector` (D,) of the model's own space, or to several (T, D); for `layer` see
    `image`: `embedding(clip.encode_text(["a lion"])[0] + clip.encode_images(photo)[0])`."""
    return Wish(lambda judge: embedding_objective(judge, vector, layer=layer))


@_record
def layer(name: str) -> Wish:
    """Ask for a whole layer by its `name` (`find_layers` lists them): what it responds to grows, as in DeepDream."""
    return _feature(name, "layer")


@_record
def channel(name: str, index: int) -> Wish:
    """Ask for channel `index`, from 0, of the layer `name`, at all positions."""
    return _feature(name, "channel", index=index)


@_record
def channels(name: str, indices: Iterable[int]) -> Wish:
    """Ask for the channels `indices` of the layer `name`, one for each image: `range(8)` makes eight at once."""
    return _each(partial(channel, name), "channel", indices)


def _each(ask: Callable[[Any], Wish], what: str, given: Any, example: str = "range(8)") -> Wish:
    """Ask for another item of what is `given` in each image; messages call an item `what`."""
    wishes = [ask(one) for one in as_list(f"{what}s", given, example)]
    if not wishes:
        raise ValueError(f"no {what} is given; give one at least, such as by {example}")
    return Wish(lambda judge: one_per_image([wish.resolve(judge) for wish in wishes]))


@_record
def neuron(name: str, index: int, position: tuple[int, ...] | None = None) -> Wish:
    """Ask for channel `index` of the layer `name` at a `position`: (row, column), (token,), or the middle if None."""
    return _feature(name, "neuron", index=index, position=position)


@_record
def head(name: str, index: int) -> Wish:
    """Ask for head `index` of the attention module `name`, before its last projection mixes the heads."""
    return _feature(name, "head", index=index)


@_record
def heads(name: str, indices: Iterable[int]) -> Wish:
    """Ask for the heads `indices` of the attention module `name`, one for each image, see `head`."""
    return _each(partial(head, name), "head", indices)


@_record
def direction(name: str, vector: Direction, position: tuple[int, ...] | None = None) -> Wish:
    """Ask for a direction in the space of the channels of the layer `name`, at a `position`, or at all if None.

    The `vector` is a number for each channel, as a tensor, an array or a list; or pairs of a channel and a number.
    """
    return _feature(name, "direction", direction=vector, position=position)


@_record
def directions(
    name: str, vectors: Tensor | np.ndarray[Any, Any] | Iterable[Direction], position: tuple[int, ...] | None = None
) -> Wish:
    """Ask for directions in the layer `name`, one for each image: `vectors` (N, channels), or a list of what
    `direction` takes, all at one `position`, or at all if None."""
    return _each(partial(direction, name, position=position), "direction", vectors, "a tensor (N, channels)")


def _feature(name: str, kind: Kind, **settings: Any) -> Wish:
    return Wish(lambda judge: feature_objective(judge, name, kind, **settings))


def latent(
    name: str, dictionary: Dictionary | str | PathLike[str], which: Latents, position: tuple[int, ...] | None = None
) -> Wish:
    """Ask for a latent of a sparse autoencoder, or several: `which`, in the layer `name`, at a `position`, or at all if
    None. The `dictionary` may be its file, see `load_dictionary`; of an encoder (N, channels) and its bias (N,) make
    one in place: `latent("blocks.3", Dictionary("mine", encoder, bias), 12)`."""
    return Wish(lambda judge: latent_objective(judge, name, _open(dictionary), which, position))


def latents(
    name: str,
    dictionary: Dictionary | str | PathLike[str],
    indices: Iterable[int],
    position: tuple[int, ...] | None = None,
) -> Wish:
    """Ask for the latents `indices` of a `dictionary` in the layer `name`, one for each image, at a `position`, or at
    all if None: `latents("blocks.3", sae, sae.find_neighbours(12))`."""
    opened = _open(dictionary)
    return _each(lambda index: latent(name, opened, index, position), "latent", indices)


def _open(dictionary: Dictionary | str | PathLike[str]) -> Dictionary:
    return dictionary if isinstance(dictionary, Dictionary) else load_dictionary(dictionary)


def preference(head: PreferenceHead | str | PathLike[str]) -> Wish:
    """Ask a CLIP for what people like, as a head predicts it that was trained on its embeddings, see
    `load_preference`; `head` may be its file."""
    return Wish(
        lambda judge: preference_objective(judge, head if isinstance(head, PreferenceHead) else load_preference(head))
    )


def caricature(photo: Images, name: str, power: float = 1.0) -> Wish:
    """Ask for what a `photo` excites in the layer `name`, exaggerated, place by place; `power` is how much the cosine
    counts (`caricature_objective`). With `start=photo` the photograph changes, without it a new picture grows. Several
    photographs make a picture of each."""
    return Wish(lambda judge: caricature_objective(judge, photo, name, power))


def invert(photo: Images, name: str = "") -> Wish:
    """Ask for a picture with the activations of a `photo` in the layer `name` (Mahendran and Vedaldi, 2015), by default
    the one of `content_objective`: it shows what the layer keeps of the photograph."""
    return Wish(lambda judge: content_objective(judge, photo, name))


@_record
def diversity(name: str) -> Wish:
    """Ask for a batch whose images differ in the layer `name`: `channel("layer4", 12) + 0.5 * diversity("layer3")`."""
    return Wish(lambda judge: diversity_objective(judge, name))


def activations(layers: str | Sequence[str], score: Callable[[Any], Tensor]) -> Wish:
    """Ask for a high value of `score`, a function of the activations of a layer, (V, channels, …), that returns
    scores (V,): `activations("blocks.3", lambda values: values[:, 5].amax(dim=(1, 2)))`. For a list of
    `layers`, it gets the `Activations` by their names. One model computes them all (`Wish.on` chooses it)."""
    names = [layers] if isinstance(layers, str) else as_list("layers", layers, "['blocks.1', 'blocks.3']")
    if not names or not callable(score):
        wrong = f"score {shorten(score)} is no function; give one" if names else "no layer is named; name one at least"
        raise ValueError(f"{wrong}, as in activations('blocks.3', lambda values: values[:, 5].mean(dim=(1, 2)))")

    def resolve(judge: Judge) -> Objective:
        known = find_layers(judge)
        found = [find_layer(known, name, judge.name) for name in names]

        def score_layers(output: Activations, images: Tensor) -> Tensor:
            # By the names that the user has given, from which those of layers may differ.
            values = {name: output[layer.name] for name, layer in zip(names, found, strict=True)}
            return score(values[names[0]] if isinstance(layers, str) else Activations(values))

        name = f"{_name(score)} of {join_names(names)}"
        return make_objective(name, [(make_activation_judge(judge, found), score_layers)])

    return Wish(resolve)


def of_views(score: Callable[[Tensor], Tensor]) -> Wish:
    """Ask for a high value of `score`, a function from views (V, 3, size, size), 0..1, to scores (V,)."""

    def resolve(judge: Judge) -> Objective:
        # A judge of the same size that returns the views as they are.
        views = Judge("views", nn.Identity(), judge.size, (0.0,) * 3, (1.0,) * 3)
        return make_objective(_name(score), [(views, lambda output, images: score(output))])

    return Wish(resolve)


def _name(score: Any) -> str:
    """Return the name of a function; that of a lambda is '<lambda>' to Python."""
    return str(getattr(score, "__name__", type(score).__name__)).strip("<>")
