"""What a model can be asked for: classes, texts, and parts of its layers, each as a `Wish`."""

from collections.abc import Iterable
from typing import Any

from ..models.clip import CLIP
from ..models.judge import Judge
from ..objectives.classes import Targets, class_objective
from ..objectives.diversity import diversity_objective
from ..objectives.embedding import TextSimilarity, text_objective
from ..objectives.feature import Direction, Kind, feature_objective
from ..objectives.per_image import one_per_image
from ..objectives.term import Objective
from .wish import Wish


def classes(which: Targets) -> Wish:
    """Ask a classifier for classes, by their log-probability.

    Args:
        which: a class by its index, or as text (`parse_classes`), or a list of classes.
    """
    return Wish(lambda judge: class_objective(judge, which))


def text(prompt: str) -> Wish:
    """Ask a CLIP for what a prompt describes.

    Args:
        prompt: one prompt per line, optionally followed by ': weight', see `text_objective`.
    """
    return Wish(lambda judge: ask_text(judge, prompt))


def layer(name: str) -> Wish:
    """Ask for a whole layer: whatever it responds to becomes stronger, as in DeepDream.

    Args:
        name: the name of the layer in the model; `find_layers` lists them.
    """
    return _feature(name, "layer")


def channel(name: str, index: int) -> Wish:
    """Ask for a channel of a layer, at all positions.

    Args:
        name: the name of the layer in the model.
        index: the number of the channel, from 0.
    """
    return _feature(name, "channel", index=index)


def channels(name: str, indices: Iterable[int]) -> Wish:
    """Ask for several channels of a layer, one for each image: eight channels make eight pictures in one ascent.

    Args:
        name: the name of the layer in the model.
        indices: the numbers of the channels, from 0.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import channels
        >>> channels("blocks.3", range(8)).resolve(load_starter()).terms[0].images
        8
    """
    numbers = list(indices)

    if not numbers:
        raise ValueError("no channel is given; give numbers, such as range(8)")
    return Wish(lambda judge: one_per_image([feature_objective(judge, name, "channel", number) for number in numbers]))


def neuron(name: str, index: int, position: tuple[int, ...] | None = None) -> Wish:
    """Ask for a channel of a layer at one position.

    Args:
        name: the name of the layer in the model.
        index: the number of the channel, from 0.
        position: (row, column), or (token,) in a transformer; the middle if None.
    """
    return _feature(name, "neuron", index=index, position=position)


def head(name: str, index: int) -> Wish:
    """Ask for an attention head, before the last projection of its module mixes the heads.

    Args:
        name: the name of the attention module in the model.
        index: the number of the head, from 0.
    """
    return _feature(name, "head", index=index)


def direction(
    name: str,
    vector: Direction,
    position: tuple[int, ...] | None = None,
) -> Wish:
    """Ask for a direction in the space of the channels of a layer.

    Args:
        name: the name of the layer in the model.
        vector: a number for each channel, as a tensor, an array or a list; or pairs of a channel and a number.
        position: (row, column), or (token,) in a transformer; all positions if None.
    """
    return _feature(name, "direction", direction=vector, position=position)


def diversity(name: str) -> Wish:
    """Ask for images of a batch that differ from each other in a layer; beside a channel or a class, 0.5 times this is
    enough.

    Args:
        name: the name of the layer in the model.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import channel, diversity, render
        >>> wish = channel("blocks.4", 12) + 0.5 * diversity("blocks.3")
        >>> pictures = render(load_starter(), wish, batch=2, recipe="sketch", size=64, steps=1, progress=False)
        >>> list(pictures.scores), len(pictures.image)
        (['blocks.4 channel 12', 'blocks.3 diversity'], 2)
    """
    return Wish(lambda judge: diversity_objective(judge, name))


def _feature(name: str, kind: Kind, **settings: Any) -> Wish:
    return Wish(lambda judge: feature_objective(judge, name, kind, **settings))


def ask_text(judge: Judge, prompt: str, similarity: TextSimilarity = "auto") -> Objective:
    """Return the objective of a prompt for a CLIP, or raise a ValueError when the judge cannot read text."""
    if isinstance(judge, CLIP) and judge.text is None:
        raise ValueError(
            f"{judge.name} has nothing to read words with; of a model of open_clip make it with wrap(model, "
            "tokenizer=open_clip.get_tokenizer('ViT-B-16-SigLIP')), with the name of its architecture"
        )
    return text_objective(judge, prompt, similarity)
