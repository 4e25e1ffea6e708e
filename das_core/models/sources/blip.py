"""The BLIP of ImageReward (Xu et al., 2023, arXiv 2304.05977): a text tower that looks at what an image tower sees."""

from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import torch
import transformers
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor, nn

from ...common.devices import make_constant
from ...common.interruption import interruptible_building, is_cancellation
from ...common.text import shorten
from ..frozen import freeze
from ..judge import Judge
from .fitted_projection import find_sentence_encoder
from .open_clip_text import build_tokenizer, without_torchaudio
from .weights import fit_weights

_NAMES = {
    "encoder.norm.": "encoder.post_layernorm.", ".cls_token": ".embeddings.class_embedding", ".norm": ".layer_norm",
    ".pos_embed": ".embeddings.position_embedding", ".patch_embed.proj": ".embeddings.patch_embedding",
    ".attn.proj.": ".self_attn.projection.", ".attn.": ".self_attn.", ".blocks.": ".encoder.layers.",
}  # fmt: skip
"""Parts of the names of BLIP's image tower, and those of transformers; both have the same for the text tower."""


class _Blip(nn.Module):
    """Both towers, and the tokens of a text: it answers what becomes of the start token beside each view, (V, D)."""

    def __init__(self, visual_encoder: nn.Module, text_encoder: nn.Module, tokens: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.visual_encoder, self.text_encoder, self.tokens = visual_encoder, text_encoder, tokens

    def forward(self, views: Tensor) -> Tensor:
        seen = self.visual_encoder(views).last_hidden_state
        tokens = make_constant(self.tokens, torch.int64, views.device).expand(len(views), -1)
        return self.text_encoder(tokens, encoder_hidden_states=seen).last_hidden_state[:, 0]


def load_blip(state: Mapping[str, Tensor], path: Path) -> Callable[[str], Judge]:
    """Return a function from a text to the judge that has read it, out of tensors `visual_encoder.…`, `text_encoder.…`
    and others, which are left out. Its words are those of bert-base-uncased, as are those of the sentence encoder."""
    own = {name: value for name, value in state.items() if name.startswith(("visual_encoder.", "text_encoder."))}
    for old, new in _NAMES.items():
        own = {name.replace(old, new): value for name, value in own.items()}
    try:
        # Without memory at first, because a crafted file may claim any size.
        with without_torchaudio(), interruptible_building(), torch.device("meta"):
            blip: Any = _build(own)
        shapes = {name: value.shape for name, value in blip.state_dict().items()}
        if odd := shapes.items() ^ {name: value.shape for name, value in own.items()}.items():
            raise ValueError(f"{min(odd)[0]} is missing, left over or of another size")
    except (LookupError, ArithmeticError, ValueError, TypeError, RuntimeError) as error:
        if is_cancellation(error):
            raise
        message = f"'{path.name}' holds no whole ImageReward ({shorten(str(error), 120)}); get it again"
        raise ValueError(message) from error
    blip.to_empty(device="cpu").text_encoder.embeddings.position_ids = torch.arange(512)[None]  # They are no weights.
    freeze(fit_weights(blip, own, path.name, "of ImageReward"))
    tokenizer = build_tokenizer({"hf_tokenizer_name": str(find_sentence_encoder())}).tokenizer

    def read(text: str) -> Judge:
        if not text.strip():
            raise ValueError(f"{path.stem} rates how well a picture fits a text; write one, such as 'a castle in fog'")
        tokens = tokenizer(text[:10_000], truncation=True, max_length=35).input_ids  # 35, as in the training.
        module = _Blip(blip.visual_encoder, blip.text_encoder, tuple(tokens)).eval()
        return Judge(path.stem, module, blip.visual_encoder.config.image_size, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)

    return read


def _build(state: Mapping[str, Tensor]) -> _Blip:
    """Return a BLIP whose sizes are those of tensors; what no shape tells is as in the training of BLIP."""

    def measure(layers: str, norm: str, inner: str) -> dict[str, int]:
        width, deep = len(state[norm]), {name.split(".")[3] for name in state if name.startswith(layers)}
        sizes = {"hidden_size": width, "num_attention_heads": width // 64, "num_hidden_layers": len(deep)}
        return sizes | {"intermediate_size": len(state[f"{layers}0.{inner}.bias"])}

    seen = measure("visual_encoder.encoder.layers.", "visual_encoder.post_layernorm.weight", "mlp.fc1")
    read = measure("text_encoder.encoder.layer.", "text_encoder.embeddings.LayerNorm.weight", "intermediate.dense")
    patch = state["visual_encoder.embeddings.patch_embedding.weight"].shape[-1]
    side = patch * isqrt(state["visual_encoder.embeddings.position_embedding"].shape[1] - 1)
    visual = transformers.BlipVisionConfig(**seen, patch_size=patch, image_size=side, layer_norm_eps=1e-6)
    text = transformers.BlipTextModel(
        transformers.BlipTextConfig(**read, encoder_hidden_size=visual.hidden_size), add_pooling_layer=False
    )
    return _Blip(transformers.BlipVisionModel(visual), text)
