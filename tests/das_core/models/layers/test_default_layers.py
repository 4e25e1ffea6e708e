"""The layers that style and content are read from when none are named, and the table that says so."""

import re

import open_clip
import torch
import torchvision
from torch import nn

import tinyclip
from cases import each_case
from das_core.models.frozen import freeze
from das_core.models.layers.default_layers import choose_content_layer, choose_style_layers, describe_layers
from das_core.models.layers.layer import Layer, find_layers
from das_core.models.sources.open_clip_models import build_open_clip_module
from toys import classifier, judge

FAMILIES = {
    "resnet18": (["relu", "layer1", "layer2", "layer3"], "layer2"),
    "vgg11": (["features.1", "features.4", "features.9", "features.14", "features.19"], "features.14"),
    "convnext_tiny": (["features.1", "features.3", "features.5"], "features.3"),
    "swin_t": (["features.1", "features.3", "features.5"], "features.3"),
    "vit_b_32": ([f"encoder.layers.encoder_layer_{n}" for n in (2, 4, 6, 8)], "encoder.layers.encoder_layer_6"),
}
TOWERS = {
    "ViT-B-32": ([f"transformer.resblocks.{n}" for n in (2, 4, 6, 8)], "transformer.resblocks.6"),
    "RN50": (["act3", "layer1", "layer2", "layer3"], "layer2"),
    "convnext_base": (["trunk.stem", "trunk.stages.1", "trunk.stages.2"], "trunk.stages.1"),
}


def build(architecture: str) -> nn.Module:
    """Return a model of torchvision, or the image tower of a model of open_clip."""
    if architecture not in TOWERS:
        return torchvision.models.get_model(architecture, weights=None)
    config = dict(open_clip.get_model_config(architecture)) | {"text_cfg": tinyclip.TINY["text_cfg"]}
    return build_open_clip_module(config).get_submodule("visual")


@each_case("architecture", [*FAMILIES, *TOWERS])
def test_a_family_has_its_layers_for_style_and_content(architecture: str) -> None:
    # On the meta device layers have shapes and nothing is computed.
    with torch.device("meta"):
        module = freeze(build(architecture))
    layers = find_layers(judge(module, 224))
    expected = (FAMILIES | TOWERS)[architecture]
    assert (choose_style_layers(layers, 224), choose_content_layer(layers, 224)) == expected


def test_maps_of_tokens_against_tokens_are_no_stage() -> None:
    maps = [Layer(str(side), "Map", (4, side, side), (0, 1, 2, 3)) for side in (56, 28, 14, 49, 7)]
    assert choose_style_layers(maps, 224) == ["56", "28", "14"]


def test_small_networks_have_some_layer_at_least() -> None:
    layers = find_layers(classifier())
    assert (choose_style_layers(layers, 32), choose_content_layer(layers, 32)) == (["1", "3", "4"], "4")
    flat = find_layers(judge(nn.Sequential(nn.Flatten(), nn.Linear(768, 4))))
    assert (choose_style_layers(flat, 16), choose_content_layer(flat, 16)) == (["1"], "1")


def test_small_views_have_small_maps() -> None:
    maps = [Layer(str(side), "Map", (4, side, side), (0, 1, 2, 3)) for side in (28, 14, 7, 3, 1)]
    assert choose_style_layers(maps, 224) == ["28", "14"]
    assert choose_style_layers(maps, 112) == ["28", "14", "7"]
    assert [choose_content_layer(maps, size) for size in (224, 112, 56)] == ["28", "14", "7"]


def test_a_stage_is_the_last_of_the_least_nested_layers_of_its_resolution() -> None:
    names = [("stem", 32), ("block.0.conv", 32), ("block.0", 32), ("block.1.conv", 16), ("block.1", 16), ("head.x", 16)]
    layers = [Layer(name, "Map", (4, side, side), (0, 1, 2, 3)) for name, side in names]
    assert choose_style_layers(layers, 224) == ["stem", "head.x"]


def test_blocks_are_the_longest_row_of_numbered_layers_of_one_shape() -> None:
    rows = [("short", 4, (8, 5)), ("long", 12, (8, 5)), ("wide", 6, (9, 5))]
    layers = [Layer(f"{row}.{n}", "Block", shape, (0, 2, 1)) for row, count, shape in rows for n in range(count)]
    assert choose_style_layers(layers, 224) == ["long.2", "long.4", "long.6", "long.8"]
    assert choose_content_layer(layers, 224) == "long.6"
    # Of three blocks, two shares fall on the first and two on the others; each is named once.
    assert choose_style_layers([*layers[4:7], *layers[:2]], 224) == ["long.0", "long.1", "long.2"]


def test_a_table_says_which_layers_are_taken_by_default_and_how_many_match_a_search() -> None:
    lines = describe_layers(classifier()).splitlines()
    assert lines[:3] == ["toy: 7 layers. Style takes 1, 3, 4; content 4.", "", "0  16 channels, 16 x 16  Conv2d"]
    assert lines[-1] == "6  10 channels           Linear"
    assert len(lines) == 2 + 7
    head = "toy: 2 of its 7 layers match 'si lu'. Style takes 1, 3, 4; content 4."
    lines = describe_layers(classifier(), "  Si \t lu ").splitlines()
    assert lines == [head.replace("si", "Si"), "", "1  16 channels, 16 x 16  SiLU", "3  32 channels, 8 x 8    SiLU"]
    assert describe_layers(classifier(), "xyz") == head.replace("2 of", "0 of").replace("si lu", "xyz")
    assert describe_layers(classifier(), "6 linear").endswith("\n\n6  10 channels  Linear")
    table = describe_layers(classifier(), "x" * 1_000_000)
    assert re.fullmatch(r"toy: 0 of its 7 layers match 'x{99}…'\. Style takes .*", table)
