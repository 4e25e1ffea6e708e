"""The heads of attention modules (Vaswani et al., 2017, arXiv 1706.03762), before the last projection mixes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

HEADS = "#heads"
"""The suffix of a layer's name that selects the heads of an attention module instead of its output."""

_PROJECTIONS = ("proj", "out_proj")


def count_heads(part: nn.Module) -> int:
    """Return how many attention heads a module has; 0 if it has none, or if its heads cannot be separated."""
    # timm calls this number `num_heads`, as torch does; other libraries call it `heads`.
    heads = getattr(part, "num_heads", None) or getattr(part, "heads", None)
    if not isinstance(heads, int):
        return 0
    if isinstance(part, nn.MultiheadAttention):
        # `compute_heads` supports neither separate weights for query, key and value nor additional keys.
        added = part.bias_k is not None or part.add_zero_attn
        return heads if part.in_proj_weight is not None and not added else 0
    projection = find_projection(part)
    return heads if projection is not None and projection.in_features % heads == 0 else 0


def find_projection(part: nn.Module) -> nn.Linear | None:
    """Return the projection that mixes the heads of an attention module; None if none runs as a module."""
    if isinstance(part, nn.MultiheadAttention):
        return None  # It uses the weights of its `out_proj` without running it.
    found = (getattr(part, name, None) for name in _PROJECTIONS)
    return next((layer for layer in found if isinstance(layer, nn.Linear)), None)


def compute_heads(part: nn.MultiheadAttention, inputs: Sequence[Any], options: Mapping[str, Any]) -> Tensor | None:
    """Return the heads (V, tokens, channels) of torch's own attention module, which does not return them, from the
    positional and keyword arguments that it was called with; None if it was called with a mask."""
    names = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")
    given = dict(zip(names, inputs, strict=False)) | dict(options)
    if given.get("attn_mask") is not None or given.get("key_padding_mask") is not None:
        return None
    tokens = [given[name] if part.batch_first else given[name].transpose(0, 1) for name in names[:3]]
    assert part.in_proj_weight is not None
    biases = (None,) * 3 if part.in_proj_bias is None else part.in_proj_bias.chunk(3)
    query, key, value = (
        F.linear(shown, weight, bias).unflatten(2, (part.num_heads, -1)).transpose(1, 2)
        for shown, weight, bias in zip(tokens, part.in_proj_weight.chunk(3), biases, strict=True)
    )
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
