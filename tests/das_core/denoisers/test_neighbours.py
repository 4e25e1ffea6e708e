"""Weighted means over neighbours."""

import numpy as np
import torch

from das_core.denoisers.neighbours import average_neighbours, list_offsets, pad_edges


def test_offsets_are_all_neighbours_without_the_pixel_itself() -> None:
    offsets = set(list_offsets(radius=2, step=3))
    assert len(offsets) == 24
    assert offsets == {(3 * row, 3 * column) for row in range(-2, 3) for column in range(-2, 3)} - {(0, 0)}


def test_with_equal_weights_it_is_the_mean_of_the_window() -> None:
    pixels = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    padded = np.pad(pixels.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))
    found = average_neighbours(pixels, 2, 1, False, lambda beside, _: torch.ones_like(beside[:, :1]))
    np.testing.assert_allclose(found.numpy(), windows.mean(axis=(-1, -2)), rtol=1e-5)


def test_a_tile_is_padded_by_its_opposite_edge_however_far() -> None:
    pixels = torch.arange(6.0).reshape(1, 1, 2, 3)
    padded = pad_edges(pixels, 5, tile=True)
    np.testing.assert_array_equal(padded[0, 0].numpy(), np.pad(pixels[0, 0].numpy(), 5, mode="wrap"))
