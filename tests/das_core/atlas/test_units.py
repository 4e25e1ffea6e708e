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
SOME = Units("some", "channel", 16)


def read(model: da.Judge, layer: str, before: bool = False, **given: Any) -> Tensor:
    (units,) = find_units(model, layer, **given)
    found = units.read(watch(model, [units])(VIEWS), before)
    assert found.shape[:2] == (3, units.count)
    return found


def test_channels_classes_and_latents_are_what_pytorch_computes() -> None:
    seen = TOY.preprocess(VIEWS)
    before = TOY.module.get_submodule("0")(seen)
    after = F.silu(before)
    torch.testing.assert_close(read(TOY, "1"), after.flatten(2))
    for name in "01":  # A convolution is no activation function.
        torch.testing.assert_close(read(TOY, name, before=True), before.flatten(2))
    torch.testing.assert_close(read(TOY, CLASSES), TOY.module(seen)[:, :, None])
    assert SAE.center is not None
    asked = torch.einsum("vchw,nc->vnhw", after - SAE.center[:, None, None], SAE.weight) + SAE.bias[:, None, None]
    latents = torch.where(asked > 0.3, asked, 0)
    assert 0.1 < (latents > 0).float().mean() < 0.9
    torch.testing.assert_close(read(TOY, "1 sae", dictionaries={"1": SAE}), latents.flatten(2))
    torch.testing.assert_close(read(TOY, "1 sae", True, dictionaries={"1": SAE}), asked.flatten(2))


def test_heads_and_neurons_of_a_transformer_are_what_pytorch_computes() -> None:
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3, num_classes=5).eval()
    model = da.Judge("vit", vit, 32, (0.5,) * 3, (0.25,) * 3)  # type: ignore[arg-type]
    block, tokens = vit.blocks[0], vit._pos_embed(vit.patch_embed((VIEWS - 0.5) / 0.25))
    query, key, value = block.attn.qkv(block.norm1(tokens)).reshape(3, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    heads = (query @ key.transpose(2, 3) / 8**0.5).softmax(dim=3) @ value  # (views, heads, tokens, 8)
    torch.testing.assert_close(read(model, "blocks.0.attn#heads"), heads.square().mean(dim=3))
    tokens = tokens + block.attn.proj(heads.transpose(1, 2).flatten(2))
    before = block.mlp.fc1(block.norm2(tokens)).movedim(2, 1)
    torch.testing.assert_close(read(model, "blocks.0.mlp.act", before=True), before)
    torch.testing.assert_close(read(model, "blocks.0.mlp.act"), F.gelu(before))
    assert [units.kind for units in find_units(model)] == ["head", "channel"]


def test_the_score_is_a_leaky_mean_of_what_the_activation_function_gets() -> None:
    (units,) = find_units(TOY, "1")
    before = np.asarray(read(TOY, "1", before=True))
    for sign in (1, -1):
        asked = [sign * before[view, unit] for view, unit in enumerate((5, 5, 7))]  # of the images 2, 0 and 1
        expected = [np.mean([value if value > 0 else value / 10 for value in values]) for values in asked]
        found = UnitsScore(units, (5, 7, 5), sign)(watch(TOY, [units])(VIEWS), torch.tensor([2, 0, 1]))
        torch.testing.assert_close(found, torch.tensor(expected))


def test_units_are_chosen_by_a_number_a_list_or_a_text() -> None:
    cases: list[tuple[Any, list[int]]] = [(None, list(range(16))), (99, list(range(16))), (np.int64(2), [0, 1])]
    cases += [("0-2, 9,1", [0, 1, 2, 9]), ("13-", [13, 14, 15]), (np.array([4, 1]), [4, 1])]
    cases += [(torch.tensor([4, 1]), [4, 1]), (iter([3, 3]), [3])]
    for chosen, expected in cases:
        assert repr(choose_numbers(SOME, chosen)) == repr(expected), chosen


BAD: list[tuple[Any, str]] = [
    ("0-15, 99", "unit 99 is"), ("0-99", "unit 0-99 is"), ("5-2", "unit 5-2 is"), ("16-", "unit 16- is"),
    ([-1], "unit -1 is not in some; it has units 0 to 15"), ([1.5], "unit 1.5 is"), ([True], "unit True is"),
    ([None], "unit None is"), (["1"], "unit 1 is"), (0, "units 0 is too few"), (-3, "units -3 is too few"),
    ([], "no unit is given"), (" , ", "no unit is given"), ("-1", "units '-1' is neither"), ("1.5", "units '1.5'"),
    ("x" * 999, "units 'xxx"), (True, "units True is no list"), (2.5, "units 2.5 is no list"),
]  # fmt: skip


@each_case(("chosen", "message"), BAD)
def test_units_that_there_are_not_are_named(chosen: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        choose_numbers(SOME, chosen)


def test_layers_are_chosen_by_names_and_patterns() -> None:
    parts = {"a[0]": nn.Conv2d(3, 4, 3), "a": nn.Conv2d(4, 4, 3), "A": nn.ReLU(), "<b>": nn.ReLU()}
    module = nn.Sequential()
    module._modules = dict(parts)
    strange, pools = judge(module), judge(nn.Sequential(nn.AvgPool2d(2)))

    def names(layers: Any = None, model: da.Judge = strange) -> list[str]:
        return [units.name for units in find_units(model, layers)]

    assert [names(), names("a[0]"), names(["A", " a ", "?"])] == [["A", "<b>"], ["a[0]"], ["A", "a"]]
    assert names(model=judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)))) == ["0"], "no activation function"
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
    kinds = "ReLU ReLU6 LeakyReLU PReLU StarReLU ELU CELU GELU QuickGELU NewGELUActivation SiLU Hardswish Mish"
    others = "ConvSiLU ConvBNReLU LinearGELU SwiGLU Dinov2SwiGLUFFN PixelUnshuffle GELUMlp Sigmoid Conv2d"
    found = [kind for kind in f"{kinds} {others}".split() if is_activation(Layer("a", kind, (4,), (0, 1)))]
    assert " ".join(found) == kinds
