"""Makes a `CLIP` from a copy of a model that was built with open_clip; the model itself is not changed."""

from collections.abc import Mapping
from typing import Any

from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ..clip import CLIP
from ..frozen import copy_module
from .open_clip_models import wrap_open_clip_module
from .open_clip_text import Tokenizer

_OPENAI_VOCABULARY = 49408
"""The size of the vocabulary of OpenAI's CLIP. Every architecture of open_clip with a vocabulary of this size uses the
tokenizer of OpenAI's CLIP."""


def copy_open_clip_module(
    name: str, module: nn.Module, published: Mapping[str, Any], tokenizer: Tokenizer | None = None
) -> CLIP:
    """Return a frozen copy of a model of open_clip as a CLIP.

    Args:
        name: the name of the model in messages.
        module: a model as `open_clip.create_model` returns it, with an image tower `visual` and a method `encode_text`.
            Its copy keeps the precision of its weights.
        published: how images were prepared in training, with the keys of open_clip: `mean`, `std`, `resize_mode` and
            `interpolation`. For a missing key, the value of OpenAI's models is used.
        tokenizer: the tokenizer that `open_clip.get_tokenizer` returns for the architecture. None for the tokenizer of
            OpenAI's CLIP; in that case a model with a vocabulary of another size gets no text tower.

    Raises:
        ValueError: when the module cannot be copied, a tower does not work, or the tokenizer is not one of open_clip.

    Example:
        >>> import open_clip
        >>> from das_core.models.sources.open_clip_copy import copy_open_clip_module
        >>> sizes = {"layers": 1, "width": 64, "heads": 1}
        >>> vision = {"image_size": 32, "patch_size": 8, "layers": 1, "width": 64}
        >>> clip = copy_open_clip_module("tiny", open_clip.CLIP(8, vision, sizes), {})
        >>> clip.size, clip.encode_text(["a castle in fog"]).shape
        (32, torch.Size([1, 8]))
    """
    if tokenizer is not None and not isinstance(tokenizer, HFTokenizer | SimpleTokenizer):
        raise ValueError(
            f"the tokenizer of {name} is a {type(tokenizer).__name__}; give what open_clip.get_tokenizer returns, "
            "such as open_clip.get_tokenizer('ViT-B-16-SigLIP')"
        )
    model = copy_module(name, module)
    towers = nn.Module()
    towers.visual = model.visual
    towers.text = model.text if hasattr(model, "text") else _TextHalf(model)
    return wrap_open_clip_module(name, towers, tokenizer or _find_tokenizer(model), published, dtype=None)


class _TextHalf(nn.Module):
    """A text tower as a module, for a model that has the parts of its text tower as attributes of the model itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        # The image tower is removed here; otherwise it would be moved and converted together with the text tower.
        model.visual = nn.Identity()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the embeddings (T, D) of tokens (T, L)."""
        embeddings: Tensor = self.model.encode_text(tokens)  # type: ignore[operator]
        return embeddings


def _find_tokenizer(model: nn.Module) -> Tokenizer | None:
    """Return the tokenizer of OpenAI's CLIP if the model has a vocabulary of the same size; else None."""
    text: Any = getattr(model, "text", model)
    if getattr(text, "vocab_size", None) != _OPENAI_VOCABULARY:
        return None
    return SimpleTokenizer(context_length=int(text.context_length))
