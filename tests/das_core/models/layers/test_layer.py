"""Layers found inside a judge: names, shapes, order of axes; those that are read when none are named."""

import re
from dataclasses import replace
from typing import Any

import open_clip
import pytest
import torch
import torchvision
from torch import Tensor, nn

import tinyclip
from cases import each_case
from das_core.models.frozen import freeze
from das_core.models.layers.activations import make_activation_judge
from das_core.models.layers.default_layers import choose_content_layer, choose_style_layers, describe_layers
from das_core.models.layers.layer import Layer, UnknownLayerError, find_layer, find_layers
from das_core.models.sources.open_clip_towers import build_open_clip_module
from das_core.models.sources.starters import load_starter
from toys import classifier, judge, random_views


def test_layers_have_their_own_names_and_shapes_in_the_order_they_run() -> None:
    layers = find_layers(classifier())
    assert [(layer.name, layer.kind, layer.shape) for layer in layers] == [
        ("0", "Conv2d", (16, 16, 16)),
        ("1", "SiLU", (16, 16, 16)),
        ("2", "Conv2d", (32, 8, 8)),
        ("3", "SiLU", (32, 8, 8)),
        ("4", "AdaptiveAvgPool2d", (32, 4, 4)),
        ("5", "Flatten", (512,)),
        ("6", "Linear", (10,)),
    ]
    # Spaces around a name make no difference, nor does the name of the tower in the whole model of open_clip.
    assert find_layer(layers, "\t3 ", "toy") is find_layer(layers, "visual.3", "toy") is layers[3]


def test_an_unknown_layer_is_answered_with_the_nearest() -> None:
    layers = find_layers(load_starter())
    for name, says in (
        ("blocks.9", r"layer 'blocks.9' is not in Lite0; the nearest are blocks.\d"),
        ("conv_dw", r"layer 'conv_dw' .*blocks.0.0.conv_dw"),
        (" ", "no layer is named; write one of Lite0's, such as blocks"),
        ("??", r"layer '\?\?' is not in .*; there is .*blocks.0, .*blocks.6"),
    ):
        with pytest.raises(UnknownLayerError, match=says):
            find_layer(layers, name, "Lite0")
    with pytest.raises(ValueError, match="toy has no layers"):
        find_layers(judge(nn.Conv2d(3, 1, 1)))


IN_WORDS = {(512,): "512 channels", (768, 50): "768 channels, 50 tokens", (64, 28, 14): "64 channels, 28 x 14"}


@each_case(("shape", "words"), *IN_WORDS.items())
def test_a_shape_in_words(shape: tuple[int, ...], words: str) -> None:
    layer = Layer("a", "Linear", shape, tuple(range(len(shape) + 1)))
    assert (layer.channels, layer.positions, layer.describe()) == (shape[0], shape[1:], words)


class Outputs(nn.Module):
    """A module whose parts give outputs of these shapes and types, two views at a time."""

    def __init__(self, outputs: list[object]) -> None:
        super().__init__()
        self.outputs, self.parts = outputs, nn.ModuleList(nn.Identity() for _ in outputs)

    def forward(self, views: Tensor) -> Tensor:
        for part, output in zip(self.parts, self.outputs, strict=True):
            part(output)
        return views


@each_case(
    ("output", "shape", "order"),
    (torch.zeros(2, 5), (5,), (0, 1)),
    (torch.zeros(2, 7, 5), (5, 7), (0, 2, 1)),
    (torch.zeros(7, 2, 5), (5, 7), (1, 2, 0)),
    (torch.zeros(2, 5, 4, 4), (5, 4, 4), (0, 1, 2, 3)),
    (torch.zeros(2, 4, 4, 5), (5, 4, 4), (0, 3, 1, 2)),
    # All sides are alike: torch's own order, channels first, is taken.
    (torch.zeros(2, 4, 4, 4), (4, 4, 4), (0, 1, 2, 3)),
    ((torch.zeros(2, 5), torch.zeros(2, 9)), (5,), (0, 1)),
)
def test_axes_are_told_apart_by_their_lengths(output: object, shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    (layer,) = find_layers(judge(Outputs([output])))
    assert (layer.name, layer.shape, layer.order) == ("parts.0", shape, order)


def test_outputs_without_views_or_channels_are_no_layers() -> None:
    odd: list[object] = [None, "text", (), torch.zeros(2, 5, dtype=torch.long)]
    odd += [torch.zeros(shape) for shape in [(2,), (3, 5), (3, 3, 5), (2, 0), (2, 5, 4, 4, 4)]]
    layers = find_layers(judge(Outputs([*odd, torch.zeros(2, 5)])))
    assert [layer.name for layer in layers] == [f"parts.{len(odd)}"]


def test_layers_of_a_compiled_model_are_those_of_the_model() -> None:
    toy = classifier()
    module: Any = torch.compile(toy.module, backend="eager")
    compiled = replace(toy, module=module)
    assert find_layers(compiled) == find_layers(toy)
    views = random_views(32, 2)
    found, expected = (make_activation_judge(model, ["1"])(views)["1"] for model in (compiled, toy))
    assert torch.equal(found, expected)


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


@each_case("architecture", *FAMILIES, *TOWERS)
def test_a_family_has_its_layers_for_style_and_content(architecture: str) -> None:
    # On the meta device layers have shapes and nothing is computed.
    with torch.device("meta"):
        module = freeze(build(architecture))
    layers = find_layers(judge(module, 224))
    expected = (FAMILIES | TOWERS)[architecture]
    assert (choose_style_layers(layers, 224), choose_content_layer(layers, 224)) == expected


def maps(*sides: int) -> list[Layer]:
    return [Layer(str(side), "Map", (4, side, side), (0, 1, 2, 3)) for side in sides]


def test_small_networks_have_some_layer_at_least() -> None:
    layers = find_layers(classifier())
    assert (choose_style_layers(layers, 32), choose_content_layer(layers, 32)) == (["1", "3", "4"], "4")
    flat = find_layers(judge(nn.Sequential(nn.Flatten(), nn.Linear(768, 4))))
    assert (choose_style_layers(flat, 16), choose_content_layer(flat, 16)) == (["1"], "1")


def test_small_views_have_small_maps_and_maps_of_tokens_are_no_stage() -> None:
    layers = maps(28, 14, 7, 3, 1)
    assert [choose_style_layers(layers, size) for size in (224, 112)] == [["28", "14"], ["28", "14", "7"]]
    assert [choose_content_layer(layers, size) for size in (224, 112, 56)] == ["28", "14", "7"]
    assert choose_style_layers(maps(56, 28, 14, 49, 7), 224) == ["56", "28", "14"]


def test_a_stage_is_the_last_of_the_least_nested_layers_of_its_resolution() -> None:
    names = ["stem", "block.0.conv", "block.0", "block.1.conv", "block.1", "head.x"]
    layers = [replace(layer, name=name) for layer, name in zip(maps(32, 32, 32, 16, 16, 16), names, strict=True)]
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
