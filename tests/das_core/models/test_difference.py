"""Differences of weights: what they add, and files of them, which are not trusted."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.models.difference import (
    Difference,
    add_difference,
    apply_difference,
    digest_weights,
    read_difference,
    start_difference,
    write_difference,
)
from das_core.models.frozen import freeze_copy
from toys import classifier, draw


def make_difference(judge: da.Judge, rank: int = 2) -> Difference:
    weights = {name: weight.detach() for name, weight in judge.module.named_parameters()}
    tensors = start_difference(weights, rank, torch.Generator().manual_seed(0))
    moved = {name: tensor + 0.1 * draw(*tensor.shape, seed=len(name)) for name, tensor in tensors.items()}
    return Difference(judge.name, digest_weights(judge.module), moved)


def test_large_weights_change_by_a_product_and_small_ones_by_themselves() -> None:
    weights = {"large": draw(40, 3, 5, 5), "small": draw(4, 4), "bias": draw(40), "number": draw(1)[0]}
    tensors = start_difference(weights, 3, torch.Generator().manual_seed(0))
    assert {name: tuple(one.shape) for name, one in tensors.items()} == {
        "large#up": (40, 3), "large#down": (3, 75), "small": (4, 4), "bias": (40,), "number": (),
    }  # fmt: skip
    for name, weight in add_difference(weights, tensors).items():
        assert torch.equal(weight, weights[name])
    up, down = draw(40, 3, seed=1), draw(3, 75, seed=2)
    changed = add_difference(weights, {**tensors, "large#up": up, "large#down": down, "bias": draw(40, seed=3)})
    expected = weights["large"] + torch.einsum("or,rn->on", up, down).reshape(40, 3, 5, 5)
    torch.testing.assert_close(changed["large"], expected)
    torch.testing.assert_close(changed["bias"], weights["bias"] + draw(40, seed=3))


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    judge, path = classifier(), tmp_path / "toy.safetensors"
    difference = make_difference(judge)
    write_difference(path, difference)
    read = read_difference(path)
    assert (read.model, read.digest) == (judge.name, difference.digest)
    views = draw(2, 3, judge.size, judge.size)
    there, here = apply_difference(judge, read), apply_difference(judge, difference)
    torch.testing.assert_close(there(views), here(views), rtol=1e-2, atol=1e-2)
    assert not torch.allclose(there(views), judge(views), rtol=1e-2, atol=1e-2)


def test_the_digest_knows_weights_and_neither_folding_nor_devices() -> None:
    module = da.load_starter().module
    assert digest_weights(module) == digest_weights(freeze_copy("again", module))
    other = freeze_copy("other", module)
    with torch.no_grad():
        next(part for name, part in other.named_parameters() if name == "classifier.weight")[0, 0] += 1e-3
    assert digest_weights(module) != digest_weights(other)


def test_what_belongs_to_another_model_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="belongs to toy, and EfficientNet-Lite0 has other weights"):
        apply_difference(da.load_starter(), make_difference(classifier()))


def test_an_ensemble_takes_what_belongs_to_a_member() -> None:
    starters = da.load_starters(taught=False)
    changed = apply_difference(starters, make_difference(starters.members[1]))
    assert changed.members[0] is starters.members[0]
    assert changed.members[1].name == "EfficientNet-Lite1, taught"


@each_case(
    "damage",
    lambda tensors, about: ({}, about),
    lambda tensors, about: (tensors, {}),
    lambda tensors, about: ({name: one * float("nan") for name, one in tensors.items()}, about),
    lambda tensors, about: ({name: one.float() for name, one in tensors.items()}, about),
    lambda tensors, about: ({name: one[:1] for name, one in tensors.items()}, about),
    lambda tensors, about: ({name + "#up": one.clone() for name, one in tensors.items()}, about),
    lambda tensors, about: ({**tensors, "more": next(iter(tensors.values())).clone()}, about),
)
def test_a_damaged_file_is_refused(damage: object, tmp_path: Path) -> None:
    judge, path = classifier(), tmp_path / "toy.safetensors"
    difference = make_difference(judge)
    write_difference(path, difference)
    about = {"format": "direct_ascent.difference.1", "model": "toy", "sha256": difference.digest}
    tensors: dict[str, Tensor]
    tensors, about = damage(load_file(path), about)  # type: ignore[operator]
    save_file(tensors, path, about)
    with pytest.raises(ValueError, match="toy"):
        apply_difference(judge, read_difference(path))


def test_a_file_that_is_cut_or_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    write_difference(path, make_difference(classifier()))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"'toy\.safetensors' .* is no file of what was taught"):
        read_difference(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_difference(tmp_path / "none.safetensors")
