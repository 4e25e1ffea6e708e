"""Pick ImageNet Class: its list, what it puts out, and what it says of names that are none."""

from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack


def options(pack: Pack) -> list[str]:
    names: list[str] = pack.node("DAS_PickClass").GET_SCHEMA().inputs[0].options
    return names


def test_the_list_has_every_class_once_in_alphabetical_order(pack: Pack) -> None:
    names = options(pack)
    labels = pack.module("das_core.models.label_sets").imagenet_labels()
    assert len(names) == len({name.casefold() for name in names}) == 1000
    assert {labels.find(name) for name in names} == set(range(1000))
    assert max(map(len, names)) <= 35
    assert names[0] == "abacus"
    place = names.index("134 crane")
    assert names[place - 1 : place + 3] == ["cradle", "134 crane", "517 crane", "crash helmet"]


@each_case(
    ("name", "expected"),
    [
        ("jellyfish", ("jellyfish", 107)),
        ("517 crane", ("517 crane", 517)),
        ("tabby cat", ("tabby", 281)),
        (134, ("134 crane", 134)),
    ],
)
def test_a_name_comes_out_as_the_list_has_it(pack: Pack, name: Any, expected: tuple[str, int]) -> None:
    assert pack.run("DAS_PickClass", name=name) == expected
    for checked in (name, None):
        assert pack.node("DAS_PickClass").validate_inputs(name=checked) is True


@each_case(
    ("name", "says"),
    [
        ("jelyfish", r"^class 'jelyfish' is unknown; the nearest are 107 jellyfish"),
        ("crane", r"^class 'crane' could be 2 classes; write the index of one: 134 crane .*; 517 crane"),
        (torch.tensor(0.5), r"^class 'tensor\(0\.5\d*\)' is unknown"),
    ],
)
def test_a_mistyped_name_is_named_with_the_nearest(pack: Pack, name: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_PickClass", name=name)
    with pytest.raises(ValueError, match=says):
        raise ValueError(pack.node("DAS_PickClass").validate_inputs(name=name))
