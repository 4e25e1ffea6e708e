"""Masks as ComfyUI's own nodes make them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cases import each_case
from runner.core_mask_nodes import MaskComposite, SolidMask

Run = Callable[..., Any]


def test_a_solid_mask_has_one_value() -> None:
    (mask,) = SolidMask().solid(0.25, 5, 3)
    assert mask.shape == (1, 3, 5)
    assert (mask == 0.25).all()


@each_case(
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


def test_a_mask_becomes_a_grey_image(run: Run) -> None:
    picture = np.full((1, 3, 4), 99, dtype=np.uint8)
    picture[0, :, 3] = 255, 128, 0
    Path("input").mkdir()
    Image.fromarray(picture).save("input/seen.png")
    nodes = {
        "1": ("LoadImage", {"image": "seen.png"}),
        "2": ("MaskToImage", {"mask": ["1", 1]}),
        "3": ("SaveImage", {"images": ["2", 0]}),
    }
    grey = run(nodes).pixels()[0]
    assert grey[:, 0].tolist() == pytest.approx([0, 127, 255], abs=1)
    assert (grey == grey[:, :1]).all()
