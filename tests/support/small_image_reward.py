"""A small ImageReward: towers of transformers, whose weights are stored under the names of its published checkpoint."""

from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from das_core.models.sources.fitted_projection import find_sentence_encoder
from das_core.models.sources.open_clip_text import without_torchaudio

_PUBLISHED = {
    "post_layernorm": "norm", "layer_norm": "norm", "embeddings.class_embedding": "cls_token", "self_attn": "attn",
    "embeddings.position_embedding": "pos_embed", "embeddings.patch_embedding": "patch_embed.proj",
    "attn.projection": "attn.proj", "encoder.layers": "blocks",
}  # fmt: skip
_SIZES: dict[str, Any] = {"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 96}


class ImageReward(nn.Module):
    """The model of the paper, for views of 32 pixels."""

    def __init__(self) -> None:
        super().__init__()
        vision = {"image_size": 32, "patch_size": 8, "layer_norm_eps": 1e-6}
        with without_torchaudio(), torch.random.fork_rng():
            torch.manual_seed(0)
            self.vision = transformers.BlipVisionModel(transformers.BlipVisionConfig(**_SIZES, **vision))
            text = transformers.BlipTextConfig(**_SIZES, encoder_hidden_size=128)
            self.text = transformers.BlipTextModel(text, add_pooling_layer=False)
            dropped = [nn.Linear(128, 1024), nn.Dropout(), nn.Linear(1024, 128), nn.Dropout(), nn.Linear(128, 64)]
            self.mlp = nn.Sequential(*dropped, nn.Dropout(), nn.Linear(64, 16), nn.Linear(16, 1))
            for weight in self.parameters():
                weight.data += 0.1 * torch.randn_like(weight)
            self.words = transformers.BertTokenizer.from_pretrained(str(find_sentence_encoder()))
        self.eval()

    def forward(self, views: Tensor, prompt: str) -> Tensor:
        filled = {"padding": "max_length", "truncation": True, "max_length": 35, "return_tensors": "pt"}
        views = normalize(views, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
        read, seen = self.words([prompt] * len(views), **filled), self.vision(views).last_hidden_state
        told = self.text(read.input_ids, attention_mask=read.attention_mask, encoder_hidden_states=seen)
        return (self.mlp(told.last_hidden_state[:, 0])[:, 0] - 0.16717362830052426) / 1.0333394966054072

    def publish(self) -> dict[str, Tensor]:
        """Return the weights under the names of the checkpoint, with what stands beside them there."""
        state = {"blip.text_encoder.embeddings.position_ids": torch.arange(512), "blip.text_proj.bias": torch.ones(4)}
        for part, place in ((self.mlp, "mlp.layers"), (self.text, "blip.text_encoder")):
            state |= {f"{place}.{name}": value for name, value in part.state_dict().items()}
        for name, value in self.vision.state_dict().items():
            for old, new in _PUBLISHED.items():
                name = name.replace(old, new)
            state[f"blip.visual_encoder.{name}"] = value
        return state
