"""List Layers: the names of the layers of a model, all of them or those that match."""

import re
from typing import Any

import pytest

from loaded_pack import Pack, Toy


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


def test_every_name_in_the_list_can_be_asked_for(pack: Pack) -> None:
    model = pack.clip(Toy())
    (text,) = pack.run("DAS_ListLayers", model=model)
    names = [line.split()[0] for line in text.splitlines()[2:]]
    assert names == ["convolution", "head"]
    for name in names:
        kind = {"kind": "channel"}
        (objective,) = pack.run("DAS_FeatureObjective", model=model, layer=name, kind=kind)
        assert objective.name == f"{name} channel 0"


def test_the_model_is_loaded_before_it_is_looked_into(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pack.classifier(Toy())
    loaded: list[tuple[list[Any], int]] = []
    bridge = pack.module("nodes.models.layers").bridge
    monkeypatch.setattr(bridge, "load_judges", lambda judges, views: loaded.append((judges, views)))
    pack.run("DAS_ListLayers", model=model)
    assert loaded == [([model], 2)]
