"""Make an image look like what some words say, to a CLIP."""

from dataclasses import dataclass

from ..models.clip import CLIP
from .embedding import EmbeddingObjective, Similarity
from .lines import weighted_lines

_LONGEST_NAME = 60


@dataclass(frozen=True)
class TextObjective(EmbeddingObjective):
    """The weighted similarity to some prompts; see `text_objective`."""

    prompts: tuple[str, ...] = ()


def text_objective(clip: CLIP, text: str, similarity: Similarity = "cosine", weight: float = 1.0) -> TextObjective:
    """An objective from text: a prompt a line, then optionally ': weight'; a negative weight keeps something away.

    Prompts that this model has read before are not encoded again. ValueError names what cannot be understood, and says
    so when the model does not read.
    """
    weights = parse_prompts(text)
    prompts = tuple(weights)
    name = ", ".join(prompts)
    return TextObjective(
        clip,
        clip.encode_text(prompts),
        tuple(weights.values()),
        name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…",
        similarity,
        weight,
        prompts,
    )


def parse_prompts(text: str) -> dict[str, float]:
    """Prompts and their weights from text: a prompt a line, then optionally ': weight'.

    One that is written twice has the sum of its weights. ValueError names the line that cannot be understood.
    """
    weights: dict[str, float] = {}
    for prompt, weight in weighted_lines(text, "a prompt: 0.5', or end the line with ': 1", times=True):
        if not prompt:
            raise ValueError(f"a prompt before the weight {weight:g} is empty; write 'a prompt: {weight:g}'")
        weights[prompt] = weights.get(prompt, 0.0) + weight
    if not weights:
        raise ValueError("no prompt is given; write a prompt a line, such as 'a coral reef full of fish'")
    if not any(weights.values()):
        raise ValueError("the weights of the prompts sum to nothing, so there is nothing to climb; raise one above 0")
    return weights
