"""Pick ImageNet Class and List Model Layers: what they list and put out, and what they say of names that are none."""

import re
from typing import Any

import pytest

from loaded_pack import Pack, Toy


def options(pack: Pack) -> list[str]:
    names: list[str] = pack.node("DAS_PickClass").GET_SCHEMA().inputs[0].options
    return names


def test_the_list_has_every_class_once_in_alphabetical_order(pack: Pack) -> None:
    names = options(pack)
    labels = pack.module("das_core.models.labels").imagenet_labels()
    assert len(names) == len({name.casefold() for name in names}) == 1000
    assert {labels.find(name) for name in names} == set(range(1000))
    assert max(map(len, names)) <= 35
    assert names[0] == "abacus"
    place = names.index("134 crane")
    assert names[place - 1 : place + 3] == ["cradle", "134 crane", "517 crane", "crash helmet"]


def test_a_name_comes_out_as_the_list_has_it(pack: Pack) -> None:
    named = {"jellyfish": ("jellyfish", 107), "tabby cat": ("tabby", 281), 134: ("134 crane", 134)}
    for name, expected in named.items():
        assert pack.run("DAS_PickClass", name=name) == expected
    assert all(pack.node("DAS_PickClass").validate_inputs(name=name) is True for name in (*named, None))


def test_a_mistyped_name_is_named_with_the_nearest(pack: Pack) -> None:
    says = r"^class 'jelyfish' is unknown; the nearest are 107 jellyfish"
    with pytest.raises(ValueError, match=says):
        pack.run("DAS_PickClass", name="jelyfish")
    with pytest.raises(ValueError, match=says):
        raise ValueError(pack.node("DAS_PickClass").validate_inputs(name="jelyfish"))


def test_layers_are_listed_and_searched(pack: Pack, starter: Any) -> None:
    (text,) = pack.run("DAS_ListLayers", model=pack.classifier(Toy()))
    assert text.splitlines() == [
        "toy: 2 layers. Style takes convolution; content convolution.",
        "",
        "convolution  8 channels, 6 x 6  Conv2d",
        "head         4 channels         Linear",
    ]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="BLOCKS.3 conv_dw")
    head, _, *lines = text.splitlines()
    assert re.match(r"EfficientNet-Lite0: 3 of its \d+ layers match 'BLOCKS.3 conv_dw'\. Style takes bn1, bl", head)
    assert [line.split()[0] for line in lines] == [f"blocks.3.{n}.conv_dw" for n in range(3)]
    (text,) = pack.run("DAS_ListLayers", model=starter, search="transformer")
    assert len(text.splitlines()) == 1
