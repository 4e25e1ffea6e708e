"""CLIPs: judges that embed images and texts in one space, in which an image and a matching text are close.

Contrastive Language-Image Pre-training: Radford et al., 2021, arXiv 2103.00020. `das_core.models.sources` loads them.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from ..common.images import Fit, Images, Interpolation, check_images, fit_square
from ..common.interruption import pausing
from ..common.text import shorten, truncate
from .judge import Judge, probe_judge
from .text_tower import TextTower

_LOG = logging.getLogger(__name__)


_LONGEST_TEXT = 10_000
"""The most characters of a text. A tokenizer takes seconds for a million, of which a model reads some hundreds; nothing
interrupts it."""

_MAX_QUOTED = 40
"""The most characters of a text that a warning quotes."""


@dataclass(frozen=True, kw_only=True)
class CLIP(Judge):
    """A judge that answers with embeddings (V, D), and that may have a text tower with embeddings in the same space.

    `load_starter_clip`, `load_open_clip` and `load_clip_file` load a CLIP; `assemble_clip` makes one from an image
    tower and a text tower.

    Args:
        name: the name of the model in messages.
        module: the image tower; it takes normalised views (V, 3, size, size) to embeddings (V, D).
        size: the side of a view in pixels.
        mean: per channel, the mean that is subtracted from views in 0..1.
        std: per channel, the standard deviation that views are then divided by.
        owner: any object that must live as long as the judge does; see `Judge`.
        width: D, how many numbers an embedding has.
        text: the text tower; None for a model that takes no texts.
        fit: how an oblong image becomes a square, the same as when the model was trained; see `Fit`.
        interpolation: how images are resized, the same as when the model was trained.
        concepts: the directions (N, D), each of length 1, of things that the model is known to tell apart, such as the
            classes of the classifier of a starter CLIP; None if there are none. See
            `objectives.answers.compare_answers`.

    Example:
        >>> import torch
        >>> from das_core import CLIP
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> clip = CLIP("mean colour", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), width=3)
        >>> clip.encode_images(torch.full((2, 3, 20, 30), 0.5)).shape
        torch.Size([2, 3])
    """

    width: int
    text: TextTower | None = field(default=None, repr=False)
    fit: Fit = "shortest"
    interpolation: Interpolation = "bicubic"
    # Tensors are not compared: `==` has no single answer for two of them.
    concepts: Tensor | None = field(default=None, repr=False, compare=False)

    @property
    def members(self) -> tuple["CLIP", ...]:
        """The single models of this judge: itself, or the members of an ensemble."""
        return (self,)

    def map_members(self, change: Callable[["CLIP"], "CLIP"]) -> "CLIP":
        """Return this judge with `change` applied to it or, if it is an ensemble, to each of its members.

        `change` takes a single CLIP and returns a CLIP. If it returns the same object for every member, the result is
        this judge itself.
        """
        return change(self)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return the embeddings of texts.

        Tokens beyond the context length are cut off; a warning in the log says how many.

        Args:
            texts: T texts; at least one, and none of them empty.

        Returns:
            Embeddings (T, D), each of length 1, in float32 on the CPU.

        Raises:
            ValueError: when no text is given, when a text is empty or has more than 10,000 characters, when the CLIP
                has no text tower, or when an embedding is all zeros or not finite.
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
        read = []
        for text in pausing(texts):
            read.append(tower.embed(text))
        embeddings = torch.stack(read)
        for text, embedding in pausing(zip(texts, embeddings, strict=True)):
            if cut := tower.count_truncated(text):
                _LOG.warning(
                    "'%s…' is longer than %s can read: %d of its %d tokens were cut",
                    text[:40],
                    self.name,
                    cut,
                    tower.count(text),
                )
            _check_embedding(embedding, f"the text '{shorten(text)}'", self.name)
        return embeddings

    def encode_images(self, images: Images) -> Tensor:
        """Return the embeddings of whole images.

        Args:
            images: (B, 3, H, W), 0..1, on the CPU or the device of the model; or another form of `Images`.

        Returns:
            Embeddings (B, D), each of length 1, in float32 on the device of the model. No gradient flows from them.

        Raises:
            ValueError: when the images are in none of the forms of `Images` (a tensor of integers is in none), when
                they hold values that are not finite, or when an embedding is all zeros or not finite.
        """
        images = self.bring(check_images(images, "the image to embed"))
        squares = fit_square(images, self.size, self.fit, self.interpolation).clamp(0, 1)
        with torch.no_grad():
            embeddings = F.normalize(torch.cat([self(part) for part in squares.split(16)]), dim=1)
        for number, embedding in pausing(enumerate(embeddings, start=1)):
            _check_embedding(embedding, f"image {number}", self.name)
        return embeddings

    def describe_unread(self, texts: Sequence[str]) -> str | None:
        """Return a warning about the texts whose script the text tower was not made for; None if there is no such text.

        Args:
            texts: the texts, as `encode_text` takes them.

        Raises:
            ValueError: when there is no text tower.

        Example:
            >>> import torch
            >>> from das_core.models import CLIP, TextTower
            >>> from das_core.models.scripts import is_mostly_latin
            >>> tower = TextTower(lambda text: torch.ones(3), len, context_length=77, reads=is_mostly_latin)
            >>> clip = CLIP("toy", torch.nn.Identity(), 8, (0.0,) * 3, (1.0,) * 3, width=3, text=tower)
            >>> clip.describe_unread(["a castle", "城堡"])
            "toy reads Latin letters and hardly understands '城堡'"
            >>> clip.describe_unread(["a castle"]) is None
            True
        """
        tower = self.text_tower
        unread = [text for text in texts if not tower.reads(text)]
        if not unread:
            return None
        more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        quoted = truncate(unread[0], _MAX_QUOTED)
        return f"{self.name} reads Latin letters and hardly understands '{quoted}'{more}"

    def split(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Split embeddings (T, D) of this judge into the embeddings of its members, and return one tensor for each.

        The embeddings of an ensemble are those of its members, concatenated. A single CLIP is its own only member, so
        its embeddings are returned unchanged.
        """
        return (embeddings,)

    @property
    def text_tower(self) -> TextTower:
        """The text tower.

        Raises:
            ValueError: when the model has none.
        """
        if self.text is None:
            raise ValueError(
                f"{self.name} has no text tower, so it cannot be asked in words; use images as targets, or load a "
                "model that reads"
            )
        return self.text


def _check_embedding(embedding: Tensor, what: str, name: str) -> None:
    """Raise a ValueError when an embedding (D,) is all zeros or not finite."""
    if not bool(embedding.isfinite().all()):
        raise ValueError(f"{name} answers {what} with values that are no numbers; load it in fp32, or get it again")
    if not bool(embedding.any()):
        raise ValueError(f"{what} is nothing at all to {name} (an embedding of zeros); ask for something else")


def assemble_clip(judge: Judge, text: TextTower | None, fit: Fit, interpolation: Interpolation) -> CLIP:
    """Return a CLIP made of an image tower and a text tower.

    Both towers are tried once: the image tower with a black view, the text tower with the text "a photo".

    Args:
        judge: the image tower, frozen; it answers every view with one embedding.
        text: the text tower; None for a model that takes no texts.
        fit: how an oblong image becomes a square; see `Fit`.
        interpolation: how images are resized.

    Raises:
        ValueError: when a tower does not work, or when the two have embeddings of different widths.

    Example:
        >>> import torch
        >>> from das_core import Judge
        >>> from das_core.models import TextTower, assemble_clip
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten())
        >>> judge = Judge("mean colour", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> colours = {"a photo": (1.0, 1.0, 1.0), "a tomato": (1.0, 0.0, 0.0)}
        >>> tower = TextTower(lambda text: torch.tensor(colours[text]), len, context_length=77)
        >>> clip = assemble_clip(judge, tower, "shortest", "bicubic")
        >>> clip.width
        3
        >>> clip.encode_text(["a tomato"]) @ clip.encode_images(torch.full((1, 3, 8, 8), 0.5)).T
        tensor([[0.5774]])
    """
    width = probe_judge(judge, answer="an image with one embedding", wanted="another model")
    if text is not None:
        _check_match(text, width, judge.name)
    return judge.convert_to(CLIP, width=width, text=text, fit=fit, interpolation=interpolation)


def _check_match(text: TextTower, width: int, name: str) -> None:
    """Raise a ValueError when a text tower cannot encode a text, or its embedding does not have `width` numbers."""
    try:
        embedding = text.embed("a photo")
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        raise ValueError(
            f"the text tower of {name} cannot read ({type(error).__name__}: {shorten(str(error), 200)}); its tokenizer "
            "belongs to another model: get that of this one"
        ) from error
    if embedding.shape != (width,):
        raise ValueError(
            f"the image tower of {name} has embeddings of {width} numbers and its text tower of {len(embedding)}; the "
            "two must be of one model: choose a matching pair"
        )
