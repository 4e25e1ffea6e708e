"""Masks as ComfyUI's own nodes make them."""

import numpy as np
import pytest
import torch
from core_mask_nodes import MaskComposite, SolidMask


def test_a_solid_mask_has_one_value() -> None:
    (mask,) = SolidMask().solid(0.25, 5, 3)
    assert mask.shape == (1, 3, 5)
    assert (mask == 0.25).all()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", lambda a, b: a * b),
        ("add", lambda a, b: np.minimum(a + b, 1)),
        ("subtract", lambda a, b: np.maximum(a - b, 0)),
        ("and", lambda a, b: np.round(a) * np.round(b)),
        ("or", lambda a, b: np.maximum(np.round(a), np.round(b))),
        ("xor", lambda a, b: (np.round(a) != np.round(b)).astype(float)),
    ],
)
def test_a_mask_lands_where_it_is_put_and_is_cut_at_the_edge(operation: str, expected: object) -> None:
    below = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0))
    above = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1))
    kept = below.clone()
    (mask,) = MaskComposite().combine(below, above, 6, 3, operation)
    assert torch.equal(below, kept)
    wanted = below.numpy().copy()
    wanted[:, 3:6, 6:8] = expected(wanted[:, 3:6, 6:8], above.numpy()[:, :3, :2])  # type: ignore[operator]
    np.testing.assert_allclose(mask.numpy(), wanted, rtol=1e-6)
