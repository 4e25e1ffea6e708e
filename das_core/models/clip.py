"""CLIPs (Radford et al., 2021, arXiv 2103.00020): judges that embed images and matching texts near to each other."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..common.images import Fit, Interpolation
from ..common.interruption import pausing
from ..common.text import shorten, truncate
from .embedder import Embedder, check_embedding
from .judge import Judge, probe_judge
from .text_tower import TextTower

_LOG = logging.getLogger(__name__)

_LONGEST_TEXT = 10_000  # In characters. A tokenizer takes seconds for a million, and nothing interrupts it.
_MAX_QUOTED = 40  # The most characters of a text that a warning quotes.


@dataclass(frozen=True, kw_only=True)
class CLIP(Embedder):
    """An embedder that may have a text tower with embeddings in the same space.

    `load_starter_clip`, `load_open_clip` and `load` load a CLIP. The arguments are those of `Embedder`, and:

    Args:
        text: the text tower; None for a model that takes no texts.
        concepts: directions (N, D) of length 1 of things that the model is known to tell apart, such as the classes of
            a starter CLIP, see `objectives.embedding.compare_answers`; None if there are none.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> clip = da.CLIP("mean colour", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), width=3)
        >>> clip.encode_images(torch.full((2, 3, 20, 30), 0.5)).shape
        torch.Size([2, 3])
    """

    text: TextTower | None = field(default=None, repr=False)
    # Tensors are not compared: `==` has no single answer for two of them.
    concepts: Tensor | None = field(default=None, repr=False, compare=False)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return the embeddings (T, D) of T texts, each of length 1, in float32 on the CPU.

        Tokens beyond the context length are cut off; a warning in the log says how many.

        Raises:
            ValueError: when no text is given, a text is empty or has more than 10,000 characters, the CLIP has no text
                tower, or an embedding is all zeros or not finite.
        """
        tower = self.text_tower
        if not texts:
            raise ValueError("no text is given; write at least one, such as 'a coral reef full of fish'")
        if any(not text.strip() for text in texts):
            raise ValueError("a text is empty; write what the image should show, such as 'a coral reef full of fish'")
        if longest := next((text for text in texts if len(text) > _LONGEST_TEXT), None):
            raise ValueError(
                f"the text '{shorten(longest)}' has {len(longest):,} characters; write {_LONGEST_TEXT:,} at most, of "
                f"which {self.name} reads {tower.context_length} tokens"
            )
        embeddings = []
        for text in pausing(texts):
            embeddings.append(tower.embed(text))
            if cut := tower.count_truncated(text):
                message = "'%s…' is longer than %s can read: %d of its %d tokens were cut"
                _LOG.warning(message, text[:_MAX_QUOTED], self.name, cut, tower.count(text))
            check_embedding(embeddings[-1], f"the text '{shorten(text)}'", self.name)
        return torch.stack(embeddings)

    def describe_unread(self, texts: Sequence[str]) -> str | None:
        """Return a warning about the texts whose script the text tower was not made for; None if there is none."""
        unread = [text for text in texts if not self.text_tower.reads(text)]
        if not unread:
            return None
        quoted = truncate(unread[0], _MAX_QUOTED) + (f"' and {len(unread) - 1} more" if unread[1:] else "'")
        return f"{self.name} reads Latin letters and hardly understands '{quoted}"

    @property
    def text_tower(self) -> TextTower:
        """The text tower; a ValueError when the model has none."""
        if self.text is None:
            raise ValueError(
                f"{self.name} has no text tower, so it cannot be asked in words; use images as targets, load a model "
                "that reads, or give wrap its tokenizer=open_clip.get_tokenizer('ViT-B-16-SigLIP'), with the name of "
                "its architecture, or its processor=AutoProcessor.from_pretrained(…) of transformers"
            )
        return self.text


def assemble_clip(judge: Judge, text: TextTower | None, fit: Fit, interpolation: Interpolation) -> CLIP:
    """Return a CLIP made of a frozen image tower and a text tower, after trying each once."""
    width = probe_judge(judge, answer="an image with one embedding", wanted="another model")
    try:
        text_width = len(text.embed("a photo")) if text else width
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the text tower of {judge.name} cannot read ({type(error).__name__}: {shorten(str(error), 200)}); its "
            "tokenizer belongs to another model: get that of this one"
        ) from error
    if text_width != width:
        raise ValueError(
            f"the image tower of {judge.name} has embeddings of {width} numbers and its text tower of {text_width}; "
            "the two must be of one model: choose a matching pair"
        )
    return judge.convert_to(CLIP, width=width, text=text, fit=fit, interpolation=interpolation)
