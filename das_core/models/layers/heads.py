"""The heads of attention modules, before the last projection mixes them: slices of the channels of its input.

Multi-head attention: Vaswani et al., 2017, arXiv 1706.03762, section 3.2.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = "#heads"
"""The suffix of a layer's name that selects the heads of an attention module instead of its output.

The heads are concatenated along the channels.
"""

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
    """Return the projection that mixes the heads of an attention module; None if none runs as a module:
    `nn.MultiheadAttention` uses the weights of its `out_proj` without running it.
    """
    if isinstance(part, nn.MultiheadAttention):
        return None
    found = (getattr(part, name, None) for name in _PROJECTIONS)
    return next((layer for layer in found if isinstance(layer, nn.Linear)), None)


def compute_heads(part: nn.MultiheadAttention, inputs: Sequence[Any], options: Mapping[str, Any]) -> Tensor:
    """Return the heads (V, tokens, channels) of torch's own attention module, which does not return them, from the
    positional and keyword arguments that it was called with.
    """
    names = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")
    given = dict(zip(names, inputs, strict=False)) | dict(options)
    query, key, value = (given[name] if part.batch_first else given[name].transpose(0, 1) for name in names[:3])
    assert part.in_proj_weight is not None
    weights = part.in_proj_weight.chunk(3)
    biases = (None,) * 3 if part.in_proj_bias is None else part.in_proj_bias.chunk(3)
    query, key, value = (
        F.linear(tokens, weight, bias).unflatten(2, (part.num_heads, -1)).transpose(1, 2)
        for tokens, weight, bias in zip((query, key, value), weights, biases, strict=True)
    )
    mask = _join_masks(part.num_heads, given.get("attn_mask"), given.get("key_padding_mask"), query.dtype)
    heads: Tensor = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return heads.transpose(1, 2).flatten(2)


def _join_masks(heads: int, attention: Tensor | None, padding: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return the sum of the masks of `nn.MultiheadAttention`, as a tensor that is added to the scores of the keys."""
    if attention is not None and attention.ndim == 3:
        attention = attention.unflatten(0, (-1, heads))
    if padding is not None:
        padding = padding[:, None, None]
    total = None
    for mask in (attention, padding):
        if mask is not None:
            added = _to_numbers(mask, dtype)
            total = added if total is None else total + added
    return total


def _to_numbers(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a mask as numbers of type `dtype`, to be added to scores."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, float("-inf"))
