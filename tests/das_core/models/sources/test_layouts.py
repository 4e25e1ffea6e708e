"""Tensors of a model are found whatever stands around them; two models in one file are told apart or refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.models.sources.layouts import check_normalization, choose_tensors, find_normalization

MODEL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5))
OWN = MODEL.state_dict()
SHAPES = {name: value.shape for name, value in OWN.items()}
OTHER = {name: value + 1 for name, value in OWN.items()}


def add(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


@each_case("prefix", "", "module.", "state_dict.net.backbone.", "model.module._orig_mod.", "a.b.c.d.")
def test_a_model_is_found_behind_any_prefix(prefix: str) -> None:
    around = {"loss.weight": torch.ones(3), "optimizer.state.0.exp_avg": torch.ones(2), "head_2.bias": torch.ones(1)}
    for state in (add(prefix, OWN) | around, around | add(prefix, OWN)):
        found = choose_tensors(state, SHAPES, "a.pth")
        assert found.keys() == OWN.keys()
        assert all(found[name] is OWN[name] for name in OWN)


def test_what_a_part_of_the_model_has_besides_is_kept() -> None:
    more = {"m.0.gate": torch.ones(3), "m.4.weight": torch.ones(3)}
    assert choose_tensors(add("m.", OWN) | more, SHAPES, "a.pth").keys() == {*OWN, "0.gate"}


def test_equal_copies_are_one_model_and_averages_come_before_the_last_weights() -> None:
    assert choose_tensors(add("model.", OWN) | add("attacker.model.", OWN), SHAPES, "a.pth").keys() == OWN.keys()
    for state in (add("state_dict.", OWN) | add("state_dict_ema.", OTHER), add("ema.", OTHER) | add("net.", OWN)):
        chosen = choose_tensors(state, SHAPES, "a.pth")
        assert all(chosen[name] is OTHER[name] for name in OWN)
    both = add("student.", OWN) | add("teacher.", OTHER)
    with pytest.raises(ValueError, match=r"'a.pth' holds two models, 'student.…' and 'teacher.…'; give the prefix"):
        choose_tensors(both, SHAPES, "a.pth")
    assert choose_tensors(both, SHAPES, "a.pth", "teacher.")["0.weight"] is OTHER["0.weight"]
    with pytest.raises(ValueError, match=r"no tensor of 'a.pth' is called 'pupil.…'; the first is student.0.weight"):
        choose_tensors(both, SHAPES, "a.pth", "pupil.")


def test_of_another_model_nothing_is_found() -> None:
    assert choose_tensors({"conv.weight": torch.ones(2)}, SHAPES, "a.pth") == {}


@each_case("names", ("module.normalizer.new_mean", "x.new_std"), ("normalize.mean", "normalize.std"), ("mu", "sigma"))
def test_a_module_that_normalises_says_mean_and_std(names: tuple[str, str]) -> None:
    mean, std = torch.tensor([0.5, 0.25, 0.75]).view(3, 1, 1), torch.tensor([0.5, 0.25, 0.125]).view(1, 3, 1, 1)
    state = add("1.", OWN) | dict(zip(names, (mean, std), strict=True))
    assert find_normalization(state) == {"mean": (0.5, 0.25, 0.75), "std": (0.5, 0.25, 0.125)}
    assert find_normalization(state | {names[1]: torch.zeros(3)}) == {}
    assert find_normalization(add("1.", OWN)) == {}


@each_case("std", None, "abc", [0.5, 0.5], [0.5, float("nan"), 0.5], [0.5, -1, 0.5], [0.5, "0.5", 0.5], {"a": 1})
def test_numbers_that_are_none_are_not_taken(std: Any) -> None:
    assert check_normalization({"mean": [0.5, 0.5, 0.5], "std": std}) == {}
