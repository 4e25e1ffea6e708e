"""What a model can be asked for, before the model is known: objectives whose judge is named later."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from typing import Any

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
from ..objectives.feature import Direction, feature_objective
from ..objectives.latent import Latents, latent_objective
from ..objectives.objective import Objective, make_objective, question
from ..objectives.per_image import one_per_image
from ..objectives.preference import preference_objective
from ..objectives.term import join_names


@question
def classes(judge: Judge, which: Targets, score: ScoreKind = "log_probability") -> Objective:
    """Ask for classes: `which` is an index, a text (`parse_classes`) or a list of classes; for `score` see
    `class_objective`."""
    return class_objective(judge, which, score)


@question
def text(judge: Judge, prompt: str) -> Objective:
    """Ask a CLIP for what `prompt` describes: one prompt per line, optionally followed by ': weight'."""
    return ask_text(judge, prompt)


def ask_text(judge: Judge, prompt: str, similarity: TextSimilarity = "auto") -> Objective:
    """Return the objective of a prompt for a CLIP, or raise a ValueError when the judge cannot read text."""
    if isinstance(judge, CLIP) and judge.text is None:
        raise ValueError(
            f"{judge.name} has nothing to read words with; of a model of open_clip make it with wrap(model, "
            "tokenizer=open_clip.get_tokenizer('ViT-B-16-SigLIP')), with the name of its architecture, and of one of "
            "transformers with wrap(model, processor=AutoProcessor.from_pretrained(…))"
        )
    return text_objective(judge, prompt, similarity)


@question
def image(judge: Judge, photo: Images, layer: str = "") -> Objective:
    """Ask for what is like a `photo`, wherever things are in it, or like several: a near embedding of a CLIP or of
    another embedder; of other models, and with a `layer`, near features, averaged over all positions (`pool_layer`).
    Photographs are added and subtracted: `image(dog) + image(snow) - image(grass)`."""
    return image_objective(judge, photo, layer=layer)


@question
def embedding(judge: Judge, vector: Tensor | np.ndarray[Any, Any] | Sequence[Any], layer: str = "") -> Objective:
    """Ask for an embedding near to a `vector` (D,) of the model's own space, or to several (T, D); for `layer` see
    `image`: `embedding(clip.encode_text(["a lion"])[0] + clip.encode_images(photo)[0])`."""
    return embedding_objective(judge, vector, layer=layer)


@question
def layer(judge: Judge, name: str) -> Objective:
    """Ask for a whole layer by its `name` (`find_layers` lists them): what it responds to grows, as in DeepDream."""
    return feature_objective(judge, name, "layer")


@question
def channel(judge: Judge, name: str, index: int) -> Objective:
    """Ask for channel `index`, from 0, of the layer `name`, at all positions."""
    return feature_objective(judge, name, "channel", index=index)


def channels(name: str, indices: Iterable[int]) -> Objective:
    """Ask for the channels `indices` of the layer `name`, one for each image: `range(8)` makes eight at once."""
    return _each(partial(channel, name), "channel", indices)


def _each(ask: Callable[[Any], Objective], what: str, given: Any, example: str = "range(8)") -> Objective:
    """Ask for another item of what is `given` in each image; messages call an item `what`."""
    items = as_list(f"{what}s", given, example)
    if not items:
        raise ValueError(f"no {what} is given; give one at least, such as by {example}")
    return one_per_image([ask(one) for one in items])


@question
def neuron(judge: Judge, name: str, index: int, position: tuple[int, ...] | None = None) -> Objective:
    """Ask for channel `index` of the layer `name` at a `position`: (row, column), (token,), or the middle if None."""
    return feature_objective(judge, name, "neuron", index=index, position=position)


@question
def head(judge: Judge, name: str, index: int) -> Objective:
    """Ask for head `index` of the attention module `name`, before its last projection mixes the heads."""
    return feature_objective(judge, name, "head", index=index)


def heads(name: str, indices: Iterable[int]) -> Objective:
    """Ask for the heads `indices` of the attention module `name`, one for each image, see `head`."""
    return _each(partial(head, name), "head", indices)


@question
def direction(judge: Judge, name: str, vector: Direction, position: tuple[int, ...] | None = None) -> Objective:
    """Ask for a direction in the space of the channels of the layer `name`, at a `position`, or at all if None.

    The `vector` is a number for each channel, as a tensor, an array or a list; or pairs of a channel and a number.
    """
    return feature_objective(judge, name, "direction", direction=vector, position=position)


def directions(
    name: str, vectors: Tensor | np.ndarray[Any, Any] | Iterable[Direction], position: tuple[int, ...] | None = None
) -> Objective:
    """Ask for directions in the layer `name`, one for each image: `vectors` (N, channels), or a list of what
    `direction` takes, all at one `position`, or at all if None."""
    return _each(partial(direction, name, position=position), "direction", vectors, "a tensor (N, channels)")


@question
def latent(
    judge: Judge,
    name: str,
    dictionary: Dictionary | str | PathLike[str],
    which: Latents,
    position: tuple[int, ...] | None = None,
) -> Objective:
    """Ask for a latent of a sparse autoencoder, or several: `which`, in the layer `name`, at a `position`, or at all if
    None. The `dictionary` may be its file, see `load_dictionary`; of an encoder (N, channels) and its bias (N,) make
    one in place: `latent("blocks.3", Dictionary("mine", encoder, bias), 12)`."""
    return latent_objective(judge, name, _open(dictionary), which, position)


def latents(
    name: str,
    dictionary: Dictionary | str | PathLike[str],
    indices: Iterable[int],
    position: tuple[int, ...] | None = None,
) -> Objective:
    """Ask for the latents `indices` of a `dictionary` in the layer `name`, one for each image, at a `position`, or at
    all if None: `latents("blocks.3", sae, sae.find_neighbours(12))`."""
    opened = _open(dictionary)
    return _each(lambda index: latent(name, opened, index, position), "latent", indices)


def _open(dictionary: Dictionary | str | PathLike[str]) -> Dictionary:
    return dictionary if isinstance(dictionary, Dictionary) else load_dictionary(dictionary)


@question
def preference(judge: Judge, head: PreferenceHead | str | PathLike[str]) -> Objective:
    """Ask a CLIP for what people like, as a head predicts it that was trained on its embeddings, see
    `load_preference`; `head` may be its file."""
    return preference_objective(judge, head if isinstance(head, PreferenceHead) else load_preference(head))


@question
def caricature(judge: Judge, photo: Images, name: str, power: float = 1.0) -> Objective:
    """Ask for what a `photo` excites in the layer `name`, exaggerated, place by place; `power` is how much the cosine
    counts (`caricature_objective`). With `start=photo` the photograph changes, without it a new picture grows. Several
    photographs make a picture of each."""
    return caricature_objective(judge, photo, name, power)


@question
def invert(judge: Judge, photo: Images, name: str = "") -> Objective:
    """Ask for a picture with the activations of a `photo` in the layer `name` (Mahendran and Vedaldi, 2015), by default
    the one of `content_objective`: it shows what the layer keeps of the photograph."""
    return content_objective(judge, photo, name)


@question
def diversity(judge: Judge, name: str) -> Objective:
    """Ask for a batch whose images differ in the layer `name`: `channel("layer4", 12) + 0.5 * diversity("layer3")`."""
    return diversity_objective(judge, name)


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
