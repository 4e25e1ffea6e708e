"""CLIPs: judges that put images and texts into one space, where what belongs together lies close together.

Contrastive Language-Image Pre-training (Radford et al., 2021, arXiv 2103.00020) and its kin. Nothing here knows where a
model comes from: `openclip.py` and `starter_clip.py` do.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..common.images import Fit, Interpolation, check_images, fit_square
from .judge import Judge, probe_judge

_LOG = logging.getLogger(__name__)

_REMEMBERED = 1000
"""Texts whose embeddings a tower keeps, a few kilobytes each."""


@dataclass(frozen=True, eq=False)
class TextTower:
    """The half of a CLIP that reads: `encode` gives the embedding (D,) of a text, `count` how many tokens it has.

    Texts are read one at a time, so that an embedding depends on its text alone, and remembered: asking for one again
    runs no model. `module` is what must be on a device for `encode` to work there, with its own `owner`; None when
    `encode` takes care of that itself.
    """

    encode: Callable[[str], Tensor]
    count: Callable[[str], int]
    context_length: int
    module: nn.Module | None = field(default=None, repr=False)
    owner: Any = field(default=None, repr=False)
    _remembered: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)

    def knows(self, text: str) -> bool:
        """Whether the embedding of a text is remembered."""
        return text in self._remembered

    def read(self, text: str) -> Tensor:
        """The embedding (D,) of a text, of length 1, float32, on the CPU."""
        if text not in self._remembered:
            # Outside inference mode, where a tensor could never meet autograd however often it is handed out.
            with torch.inference_mode(False), torch.no_grad():
                embedding = self.encode(text).detach().clone().float().cpu()
                self._remembered[text] = F.normalize(embedding, dim=0)
            if len(self._remembered) > _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return self._remembered[text]

    def cut(self, text: str) -> int:
        """How many tokens of a text lie past the context length and are never read."""
        return max(0, self.count(text) - self.context_length)


@dataclass(frozen=True, kw_only=True)
class CLIP(Judge):
    """A judge with an embedding (V, D) for every view, and a text tower with embeddings in the same space, if any.

    `width` is D; `fit` and `interpolation` are how it was shown whole images when it was trained.
    """

    width: int
    text: TextTower | None = None
    fit: Fit = "shortest"
    interpolation: Interpolation = "bicubic"

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """The embeddings (K, D) of texts, of length 1, float32, on the CPU.

        What of a text lies past the context length is not read; a warning in the log says how many tokens that are.
        ValueError when there is no text, an empty one, or no text tower, or when a text is nothing to the model.
        """
        tower = self.reader
        if not texts:
            raise ValueError("no text is given; write at least one, such as 'a coral reef full of fish'")
        if any(not text.strip() for text in texts):
            raise ValueError("a text is empty; write what the image should show, such as 'a coral reef full of fish'")
        embeddings = torch.stack([tower.read(text) for text in texts])
        for text, embedding in zip(texts, embeddings, strict=True):
            if cut := tower.cut(text):
                _LOG.warning(
                    "'%s…' is longer than %s can read: %d of its %d tokens were cut",
                    text[:40],
                    self.name,
                    cut,
                    tower.count(text),
                )
            _check_embedding(embedding, f"the text '{text[:80]}'", self.name)
        return embeddings

    def encode_images(self, images: Tensor) -> Tensor:
        """The embeddings (B, D) of images (B, 3, H, W), 0..1, each seen whole, of length 1, float32.

        ValueError when they are no images, or nothing to the model.
        """
        check_images(images, "the image to embed")
        shown = fit_square(images, self.size, self.fit, self.interpolation).clamp(0, 1)
        with torch.no_grad():
            embeddings = F.normalize(torch.cat([self(part) for part in shown.split(16)]), dim=1)
        for number, embedding in enumerate(embeddings, start=1):
            _check_embedding(embedding, f"image {number}", self.name)
        return embeddings

    @property
    def reader(self) -> TextTower:
        """The text tower; ValueError if there is none."""
        if self.text is None:
            raise ValueError(
                f"{self.name} has no text tower, so it cannot be asked in words; use images as targets, or load a "
                "model that reads"
            )
        return self.text


def _check_embedding(embedding: Tensor, what: str, name: str) -> None:
    if not bool(embedding.isfinite().all()):
        raise ValueError(f"{name} answers {what} with values that are no numbers; load it in fp32, or get it again")
    if not bool(embedding.any()):
        raise ValueError(f"{what} is nothing at all to {name} (an embedding of zeros); ask for something else")


def assemble_clip(judge: Judge, text: TextTower | None, fit: Fit, interpolation: Interpolation) -> CLIP:
    """Return a CLIP of a frozen image tower and a text tower.

    Args:
        judge: the image tower, frozen; its answer is one embedding for each view.
        text: the text tower; None for a model that does not read.
        fit: how an oblong image becomes a square, see `Fit`.
        interpolation: how images are resized.

    Raises:
        ValueError: a tower does not work, or the two have embeddings of different widths.
    """
    width = probe_judge(judge, answer="an image with one embedding", wanted="another model")
    if text is not None:
        _check_match(text, width, judge.name)
    return judge.convert_to(CLIP, width=width, text=text, fit=fit, interpolation=interpolation)


def _check_match(text: TextTower, width: int, name: str) -> None:
    try:
        embedding = text.read("a photo")
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        raise ValueError(
            f"the text tower of {name} cannot read ({type(error).__name__}: {str(error)[:200]}); its tokenizer belongs "
            "to another model: get that of this one"
        ) from error
    if embedding.shape != (width,):
        raise ValueError(
            f"the image tower of {name} has embeddings of {width} numbers and its text tower of {len(embedding)}; the "
            "two must be of one model: choose a matching pair"
        )
