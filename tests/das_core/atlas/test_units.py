"""Units: how active they are, by hand; which there are in a model; and which of them are asked for."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from timm.models import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

import das_core as da
from cases import each_case
from das_core.atlas.units import CLASSES, Units, UnitsScore, choose_numbers, find_units, is_activation, watch
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.layers.layer import Layer
from toys import classifier, draw, judge, random_views

TOY = classifier()
VIEWS = random_views(32, 3)
SAE = da.Dictionary("sae", draw(20, 16), draw(20), center=draw(16, seed=1), threshold=torch.full((20,), 0.3))


def read(model: da.Judge, layer: str, before: bool = False, **given: Any) -> Tensor:
    (units,) = find_units(model, layer, **given)
    found = units.read(watch(model, [units])(VIEWS), before)
    assert found.shape[:2] == (3, units.count)
    return found


def test_channels_classes_and_latents_are_what_pytorch_computes() -> None:
    parts, seen = list(TOY.module), TOY.preprocess(VIEWS)
    before = parts[0](seen)
    after = F.silu(before)
    torch.testing.assert_close(read(TOY, "1"), after.flatten(2))
    torch.testing.assert_close(read(TOY, "1", before=True), before.flatten(2))
    torch.testing.assert_close(read(TOY, "0", before=True), before.flatten(2), msg="no activation function")
    torch.testing.assert_close(read(TOY, CLASSES), TOY.module(seen)[:, :, None])
    assert SAE.center is not None
    asked = torch.einsum("vchw,nc->vnhw", after - SAE.center[:, None, None], SAE.weight) + SAE.bias[:, None, None]
    latents = torch.where(asked > 0.3, asked, 0)
    assert 0.1 < (latents > 0).float().mean() < 0.9
    torch.testing.assert_close(read(TOY, "1 sae", dictionaries={"1": SAE}), latents.flatten(2))
    torch.testing.assert_close(read(TOY, "1 sae", True, dictionaries={"1": SAE}), asked.flatten(2))


def test_heads_and_neurons_of_a_transformer_are_what_pytorch_computes() -> None:
    torch.manual_seed(0)
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3, num_classes=5).eval()
    model = da.Judge("vit", vit, 32, (0.5,) * 3, (0.25,) * 3)
    block, tokens = vit.blocks[0], vit._pos_embed(vit.patch_embed((VIEWS - 0.5) / 0.25))
    query, key, value = block.attn.qkv(block.norm1(tokens)).reshape(3, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    heads = (query @ key.transpose(2, 3) / 8**0.5).softmax(dim=3) @ value  # (views, heads, tokens, 8)
    torch.testing.assert_close(read(model, "blocks.0.attn#heads"), heads.square().mean(dim=3))
    tokens = tokens + block.attn.proj(heads.transpose(1, 2).flatten(2))
    before = block.mlp.fc1(block.norm2(tokens)).movedim(2, 1)
    torch.testing.assert_close(read(model, "blocks.0.mlp.act", before=True), before)
    torch.testing.assert_close(read(model, "blocks.0.mlp.act"), F.gelu(before))
    # That is all that it has by itself.
    assert [units.kind for units in find_units(model)] == ["head", "channel"]


def test_the_score_is_a_leaky_mean_of_what_the_activation_function_gets() -> None:
    (units,) = find_units(TOY, "1")
    output, images = watch(TOY, [units])(VIEWS), torch.tensor([2, 0, 1])
    before = np.asarray(read(TOY, "1", before=True))
    for sign in (1, -1):
        expected = []
        for view, image in enumerate((2, 0, 1)):
            values = sign * before[view, (5, 7, 5)[image]]
            expected.append(np.mean([value if value > 0 else value / 10 for value in values]))
        found = UnitsScore(units, (5, 7, 5), sign)(output, images)
        torch.testing.assert_close(found, torch.tensor(np.array(expected)))


@each_case(
    ("chosen", "found"),
    [(None, "0-15"), (99, "0-15"), (np.int64(2), "0-1"), ("0-2, 9,1", "0-2 9-9"), ("13-", "13-15"), ([3, 3], "3-3")]
    + [(np.array([4, 1]), "4-4 1-1"), (torch.tensor([4, 1]), "4-4 1-1"), (iter([2]), "2-2")],
)
def test_units_are_chosen(chosen: Any, found: str) -> None:
    spans = [part.split("-") for part in found.split()]
    numbers = choose_numbers(find_units(TOY, "1")[0], chosen)
    assert numbers == [number for first, last in spans for number in range(int(first), int(last) + 1)]
    assert {type(number) for number in numbers} == {int}


@each_case(
    ("chosen", "message"),
    [(bad, f"unit {said} is not in 1; it has units 0 to 15") for bad, said in (
        ("0-15, 99", "99"), ("0-99", "0-99"), ("5-2", "5-2"), ("16-", "16-"), ([-1], "-1"), ([1.5], "1.5"),
        ([True], "True"), ([None], "None"), (["1"], "1"), ([10**5000], "a number of thousands of digits"),
    )]
    + [(0, "units 0 is too few"), (-3, "units -3 is too few"), ([], "no unit is given"), (" , ", "no unit is given")]
    + [("-1", "units '-1' is neither"), ("a" * 999, "units 'aaaa"), (True, "units True is no list"), (2.5, "is no list")],
)  # fmt: skip
def test_units_that_there_are_not_are_named(chosen: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)[:60]):
        choose_numbers(find_units(TOY, "1")[0], chosen)


def test_layers_are_chosen_by_names_and_patterns() -> None:
    parts = {"a[0]": nn.Conv2d(3, 4, 3), "a": nn.Conv2d(4, 4, 3), "A": nn.ReLU(), "<b>": nn.ReLU()}
    strange = judge(nn.Sequential(*parts.values()))
    strange.module._modules = dict(parts)

    def names(layers: Any = None, model: da.Judge = strange) -> list[str]:
        return [units.name for units in find_units(model, layers)]

    assert names() == ["A", "<b>"]
    assert names("a[0]") == ["a[0]"]
    assert names(["A", " a ", "visual.A"]) == ["A", "a"]
    assert names("?") == ["a", "A"]
    assert names(model=judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)))) == ["0"], "no activation function"
    pools = judge(nn.Sequential(nn.AvgPool2d(2), nn.AvgPool2d(2)))
    bad: list[tuple[Any, str]] = [
        ("c", "layer 'c' is not in toy"),
        ([], "no layer of toy is chosen"),
        ("", "no layer is"),
    ]
    bad += [([3], "layer 3 is no text"), (3, "layers 3 is no list"), (CLASSES, "toy has no classes")]
    for layers, message in bad:
        with pytest.raises(ValueError, match=re.escape(message)):
            names(layers)
    with pytest.raises(ValueError, match="no layer of toy is chosen; name one"):
        names(model=pools)
    with pytest.raises(ValueError, match="sae is for 16 channels, and A of toy has 4"):
        find_units(strange, None, {"A": SAE})
    with pytest.raises(ValueError, match="is an ensemble"):
        find_units(ClassifierEnsemble.from_members([TOY, classifier(seed=1)]))


def test_activation_functions_are_known_by_name_but_no_blocks_with_one() -> None:
    def find(kinds: str) -> list[bool]:
        return [is_activation(Layer("a", kind, (4,), (0, 1))) for kind in kinds.split()]

    assert all(
        find("ReLU ReLU6 LeakyReLU PReLU StarReLU ELU CELU GELU QuickGELU NewGELUActivation SiLU Hardswish Mish")
    )
    assert not any(find("ConvSiLU ConvBNReLU LinearGELU SwiGLU Dinov2SwiGLUFFN PixelUnshuffle GELUMlp Sigmoid Conv2d"))
    # A gated MLP is read as a whole: what it gets are no units of its own.
    gated = Units("a", "channel", 4, Layer("a", "SwiGLU", (4,), (0, 1)))
    assert [layer.name for layer in gated.sources] == ["a"]
