import pytest
import torch

from cases import each_case
from das_core.common.products import multiply, multiply_both_sides
from stops import assert_ends_anywhere, count_looks

PRODUCTS = "das_core.common.products._MOST_AT_ONCE"


def make(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_blocks_of_rows_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = make(300, 200), make(200, 150)
    whole = multiply(left, right)
    assert count_looks(lambda: multiply(left, right)) == 1
    monkeypatch.setattr(PRODUCTS, 64 * right.numel())
    assert torch.equal(multiply(left, right), whole)
    assert assert_ends_anywhere(lambda: multiply(left, right)) == 6


@each_case(("height", "width"), (160, 200), (128, 128))
def test_planes_have_the_same_bits(monkeypatch: pytest.MonkeyPatch, height: int, width: int) -> None:
    images, left, right = make(2, 3, height, width), make(77, height), make(width, 96)
    whole = multiply_both_sides(left, images, right)
    monkeypatch.setattr(PRODUCTS, images[0, 0].numel() * 64)
    assert torch.equal(multiply_both_sides(left, images, right), whole)
    assert assert_ends_anywhere(lambda: multiply_both_sides(left, images, right)) > 12
