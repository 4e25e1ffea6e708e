"""The heads of attention modules, against a computation by hand and against what the last projection makes of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from timm import create_model
from torch import Tensor, nn
from torchvision.models import VisionTransformer

import tinyclip
from cases import each_case
from das_core.models.frozen import freeze
from das_core.models.layers.activations import make_activation_judge
from das_core.models.layers.heads import HEADS, compute_heads, count_heads, find_projection
from das_core.models.layers.layer import find_layer, find_layers
from toys import judge, random_views


def attention(**options: Any) -> nn.MultiheadAttention:
    """Return torch's own attention for 6 channels in 2 heads, its weights and biases always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.MultiheadAttention(6, 2, **options).eval().requires_grad_(False)
        for name, parameter in module.named_parameters():
            if "bias" in name:
                nn.init.normal_(parameter)
    return module


class Attention(nn.Module):
    """The parts by which an attention module is known."""

    def __init__(self, heads: object, projection: nn.Module | None, count: str = "num_heads", last: str = "proj"):
        super().__init__()
        setattr(self, count, heads)
        setattr(self, last, projection)


LAST = nn.Linear(6, 4)


@each_case(
    ("part", "heads", "projection"),
    (Attention(2, LAST), 2, LAST),
    (Attention(3, LAST, count="heads", last="out_proj"), 3, LAST),
    # Channels that do not divide into heads, heads without a projection, and a projection of another kind.
    (Attention(4, LAST), 0, LAST),
    (Attention(2, None), 0, None),
    (Attention(2, nn.Conv2d(6, 4, 1)), 0, None),
    (Attention("two", LAST), 0, LAST),
    (LAST, 0, None),
    # Torch's own runs as one function, so its projection is not seen to run.
    (attention(bias=False), 2, None),
    # Keys of another width, or with one more that is learned: these are not computed here.
    (attention(kdim=5), 0, None),
    (attention(add_bias_kv=True), 0, None),
    (attention(add_zero_attn=True), 0, None),
)
def test_attention_is_known_by_its_parts(part: nn.Module, heads: int, projection: nn.Module | None) -> None:
    assert count_heads(part) == heads
    assert find_projection(part) is projection


def heads_by_hand(part: nn.MultiheadAttention, tokens: list[Tensor]) -> np.ndarray:
    """The heads of attention for queries, keys and values (V, tokens, 6), by the formula of the paper."""
    weights = part.in_proj_weight.double().numpy().reshape(3, 6, 6)
    biases = np.zeros((3, 6)) if part.in_proj_bias is None else part.in_proj_bias.double().numpy().reshape(3, 6)
    q, k, v = (x.double().numpy() @ w.T + b for x, w, b in zip(tokens, weights, biases, strict=True))
    heads = []
    for channels in (slice(0, 3), slice(3, 6)):
        shares = np.exp(q[..., channels] @ k[..., channels].swapaxes(1, 2) / np.sqrt(3))
        heads.append(shares / shares.sum(axis=2, keepdims=True) @ v[..., channels])
    return np.concatenate(heads, axis=2)


@each_case("bias", True, False)
@each_case("batch_first", True, False)
def test_heads_are_those_of_the_paper(batch_first: bool, bias: bool) -> None:
    part = attention(batch_first=batch_first, bias=bias)
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, count, 6, generator=generator) for count in (4, 5, 5))
    given = [tokens if batch_first else tokens.transpose(0, 1) for tokens in (query, key, value)]
    expected = heads_by_hand(part, [query, key, value])
    # However its arguments come: in their places, or by name.
    by_name = {"key": given[1], "value": given[2], "attn_mask": None}
    for heads in (compute_heads(part, given, {"need_weights": False}), compute_heads(part, given[:1], by_name)):
        assert heads is not None
        np.testing.assert_allclose(heads.numpy(), expected, rtol=1e-4, atol=1e-5)
    output = part(*given)[0]
    mixed = part.out_proj(torch.from_numpy(expected).float())
    torch.testing.assert_close(output if batch_first else output.transpose(0, 1), mixed, rtol=1e-4, atol=1e-5)


@each_case("mask", {"attn_mask": torch.zeros(4, 4)}, {"key_padding_mask": torch.zeros(2, 4)})
def test_heads_of_masked_attention_are_not_computed(mask: dict[str, Tensor]) -> None:
    tokens = torch.zeros(4, 2, 6)
    assert compute_heads(attention(), [tokens] * 3, mask) is None


@each_case(
    ("build", "attention", "heads"),
    (partial(VisionTransformer, 32, 8, 3, 4, 48, 96), "encoder.layers.encoder_layer_1.self_attention", 4),
    (lambda: tinyclip.clip().module, "transformer.resblocks.1.attn", 1),
    (partial(create_model, "vit_tiny_patch16_224", img_size=32, patch_size=8), "blocks.1.attn", 3),
)
def test_heads_are_what_the_last_projection_mixes(build: Callable[[], nn.Module], attention: str, heads: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        seen = judge(freeze(build()), 32)
    layers = {layer.name: layer for layer in find_layers(seen)}
    layer = layers[attention + HEADS]
    assert (layer.heads, layer.positions, layers[attention].shape) == (heads, (17,), layer.shape)
    output = make_activation_judge(seen, [attention, attention + HEADS])(random_views(32, 3))
    part = dict(seen.module.get_submodule(attention).named_children())
    mix = part["proj" if "proj" in part else "out_proj"]
    expected = mix(output[attention + HEADS].transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(output[attention], expected, atol=1e-5, rtol=1e-4)


def test_heads_are_told_where_tokens_stand_in_front() -> None:
    class Behind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention(bias=False)

        def forward(self, views: Tensor) -> Tensor:
            tokens = views.flatten(2).unflatten(2, (-1, 2)).permute(2, 0, 1, 3).flatten(2)
            return self.attention(key=tokens, query=tokens, value=tokens)[0].mean(dim=0)

    seen = judge(Behind(), size=4)
    output = make_activation_judge(seen, ["attention", "attention#heads"])(random_views(4, 3))
    expected = seen.module.get_parameter("attention.out_proj.weight") @ output["attention#heads"]
    torch.testing.assert_close(output["attention"], expected)
    assert find_layer(find_layers(seen), "attention#heads", "toy").describe() == "2 heads of 3 = 6 channels, 8 tokens"
