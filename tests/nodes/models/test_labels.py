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
        ("Killer_Whale", ("killer whale", 148)),
        ("tabby cat", ("tabby", 281)),
        ("n01443537", ("goldfish", 1)),
        (134, ("134 crane", 134)),
    ],
)
def test_a_name_comes_out_as_the_list_has_it(pack: Pack, name: Any, expected: tuple[str, int]) -> None:
    assert pack.run("DAS_PickClass", name=name) == expected
    assert pack.node("DAS_PickClass").validate_inputs(name=name) is True


@each_case("name", ["jellyfish", "517 crane", "639 maillot", "474 cardigan", "jack-o'-lantern"])
def test_class_objective_takes_what_comes_out(pack: Pack, starter: Any, name: str) -> None:
    text, index = pack.run("DAS_PickClass", name=name)
    (objective,) = pack.run("DAS_ClassObjective", classifier=starter, classes=text)
    assert objective.terms[0].score.targets == ((index, 1.0),)


BAD = {
    "jelyfish": r"^class 'jelyfish' is unknown; the nearest are 107 jellyfish",
    "crane": r"^class 'crane' could be 2 classes; write the index of one: 134 crane .*; 517 crane",
    "1000": r"^class index 1000 is out of range",
    "": r"^a class name is empty",
    "jellyfish, goldfish": r"^class 'jellyfish, goldfish' is unknown; the nearest are",
}


@each_case(("name", "says"), list(BAD.items()))
def test_a_mistyped_name_is_named_with_the_nearest(pack: Pack, name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_PickClass", name=name)
    with pytest.raises(ValueError, match=says):
        raise ValueError(pack.node("DAS_PickClass").validate_inputs(name=name))


def test_a_value_of_another_type_through_a_link_is_named(pack: Pack) -> None:
    with pytest.raises(ValueError, match=r"^class 'tensor\(0\.5\d*\)' is unknown"):
        pack.run("DAS_PickClass", name=torch.tensor(0.5))


def test_a_linked_name_is_not_checked_before_it_is_there(pack: Pack) -> None:
    assert pack.node("DAS_PickClass").validate_inputs(name=None) is True
