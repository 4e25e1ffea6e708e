"""Layers found inside a judge: their names, their shapes, and the order of their axes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.models.layers.activations import make_activation_judge
from das_core.models.layers.layer import Layer, UnknownLayerError, find_layer, find_layers
from das_core.models.sources.starters import load_starter
from toys import classifier, judge, random_views


class Tokens(nn.Module):
    """Keeps the views behind the tokens, as some transformers do, and the channels behind the positions."""

    def __init__(self) -> None:
        super().__init__()
        self.behind, self.last = nn.Identity(), nn.Linear(3, 5)

    def forward(self, views: Tensor) -> Tensor:
        tokens = self.behind(views.flatten(2).permute(2, 0, 1))
        maps = self.last(views.movedim(1, 3))
        return torch.cat([maps.mean(dim=(1, 2)), tokens.mean(dim=0)], dim=1)


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


def test_axes_are_brought_into_one_order() -> None:
    module = Tokens()
    seen = judge(module, size=4)
    assert {layer.name: layer.shape for layer in find_layers(seen)} == {"behind": (3, 16), "last": (5, 4, 4)}
    views = random_views(4, 3)
    output = make_activation_judge(seen, ["behind", "last"])(views)
    torch.testing.assert_close(output["behind"], views.flatten(2))
    torch.testing.assert_close(output["last"], module.last(views.movedim(1, 3)).movedim(3, 1))


def test_an_unknown_layer_is_answered_with_the_nearest() -> None:
    layers = find_layers(load_starter())
    for name, says in (
        ("blocks.9", r"layer 'blocks.9' is not in Lite0; the nearest are blocks.\d"),
        ("conv_dw", r"layer 'conv_dw' .*blocks.0.0.conv_dw"),
        (" ", "no layer is named; write one of Lite0's, such as blocks"),
        ("??", r"layer '\?\?' is not in .*; there is conv_stem, .*"),
    ):
        with pytest.raises(UnknownLayerError, match=says):
            find_layer(layers, name, "Lite0")
    with pytest.raises(ValueError, match="toy has no layers"):
        find_layers(judge(nn.Conv2d(3, 1, 1)))


@each_case(
    ("shape", "heads", "words"),
    [
        ((512,), 0, "512 channels"),
        ((768, 50), 0, "768 channels, 50 tokens"),
        ((64, 28, 14), 0, "64 channels, 28 x 14"),
        ((768, 50), 12, "12 heads of 64 = 768 channels, 50 tokens"),
    ],
)
def test_a_shape_in_words(shape: tuple[int, ...], heads: int, words: str) -> None:
    layer = Layer("a", "Linear", shape, tuple(range(len(shape) + 1)), heads=heads)
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
    [
        (torch.zeros(2, 5), (5,), (0, 1)),
        (torch.zeros(2, 7, 5), (5, 7), (0, 2, 1)),
        (torch.zeros(7, 2, 5), (5, 7), (1, 2, 0)),
        (torch.zeros(2, 5, 4, 4), (5, 4, 4), (0, 1, 2, 3)),
        (torch.zeros(2, 4, 4, 5), (5, 4, 4), (0, 3, 1, 2)),
        # All sides are alike: torch's own order, channels first, is taken.
        (torch.zeros(2, 4, 4, 4), (4, 4, 4), (0, 1, 2, 3)),
        ((torch.zeros(2, 5), torch.zeros(2, 9)), (5,), (0, 1)),
    ],
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
