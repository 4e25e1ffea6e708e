"""The Kuwahara filter against a slow one in NumPy, and the flow of stripes."""

import numpy as np
import torch

from das_core.looks.paint import Paint, _make_sectors, filter_kuwahara, find_flow, smooth_along
from photographs import load_photograph


def test_the_kuwahara_filter_is_that_of_its_formula() -> None:
    photo, radius = load_photograph("cat", 24).double(), 3
    padded = np.pad(photo[0].numpy(), ((0, 0), (radius, radius), (radius, radius)), mode="edge")
    kernels = _make_sectors(radius)[:, 0].double().numpy()
    for row, column in [(0, 0), (5, 9), (23, 11), (12, 12)]:
        window = padded[:, row : row + 2 * radius + 1, column : column + 2 * radius + 1]
        means = [(window * kernel).sum(axis=(1, 2)) for kernel in kernels]
        spreads = [
            ((window - mean[:, None, None]) ** 2 * kernel).sum() for mean, kernel in zip(means, kernels, strict=True)
        ]
        weights = [(1e-4 + spread) ** -4.0 for spread in spreads]
        expected = sum(weight * mean for weight, mean in zip(weights, means, strict=True)) / sum(weights)
        assert np.allclose(filter_kuwahara(photo, radius)[0, :, row, column].numpy(), expected, atol=1e-6)


def test_strokes_follow_stripes_and_edges_stay() -> None:
    right = torch.arange(64.0)
    stripes = (torch.sin((right[None] + right[:, None]) / 3) / 2 + 0.5).expand(1, 3, 64, 64)
    flow = find_flow(stripes, 4.0)[..., 16:-16, 16:-16]
    assert (flow[:, 0] * flow[:, 1]).mean() < -0.49
    assert (smooth_along(stripes, find_flow(stripes, 4.0), 4.0) - stripes)[..., 16:-16, 16:-16].abs().max() < 0.05
    edge = torch.full((1, 3, 64, 64), 0.25)
    edge[..., 32:] = 0.75
    noisy = edge + 0.1 * torch.randn(edge.shape, generator=torch.Generator().manual_seed(0))
    assert (Paint(radius=20)(noisy) - edge).abs().mean() < 0.6 * (noisy - edge).abs().mean()
