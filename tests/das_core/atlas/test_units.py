"""Units: how active they are, by hand; which there are in a model; and which of them are asked for."""

import re
from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from timm.models import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

import direct_ascent as da
from cases import each_case
from das_core.atlas.units import CLASSES, Units, UnitsScore, choose_numbers, find_units, is_activation, watch
from das_core.facade import wrap
from das_core.models.layers.layer import Layer
from toys import classifier, draw, judge, random_views

TOY, VIEWS = classifier(), random_views(32, 3)
SAE = da.Dictionary("sae", draw(20, 16), draw(20), center=draw(16, seed=1), threshold=torch.full((20,), 0.3))


def check(model: da.Judge, layer: str, expected: Tensor, before: bool = False) -> None:
    (units,) = find_units(model, layer, {"1": SAE} if model is TOY else None)
    torch.testing.assert_close(units.read(watch(model, [units])(VIEWS), before), expected.flatten(2))


def test_units_of_convolutions_and_latents_are_what_pytorch_computes() -> None:
    seen = TOY.preprocess(VIEWS)
    before = TOY.module.get_submodule("0")(seen)
    latents = F.conv2d(F.silu(before) - draw(16, seed=1)[:, None, None], SAE.weight[:, :, None, None], SAE.bias)
    check(TOY, "1", F.silu(before))
    check(TOY, "1", before, before=True)
    check(TOY, "0", before, before=True)  # It is no activation function.
    check(TOY, CLASSES, TOY.module(seen)[:, :, None])
    check(TOY, "1 sae", torch.where(latents > 0.3, latents, 0))
    check(TOY, "1 sae", latents, before=True)
    for sign in (1, -1):  # The score: views of the images 2, 0 and 1, which ask for the units 5, 5 and 7.
        asked = [sign * np.asarray(before[view, unit]).ravel() for view, unit in enumerate((5, 5, 7))]
        expected = [np.mean([value if value > 0 else value / 10 for value in values]) for values in asked]
        (units,) = find_units(TOY, "1")
        found = UnitsScore(units, (5, 7, 5), sign)(watch(TOY, [units])(VIEWS), torch.tensor([2, 0, 1]))
        torch.testing.assert_close(found, torch.tensor(expected))


def test_heads_and_neurons_of_a_transformer_are_what_pytorch_computes() -> None:
    vit = VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=3, num_classes=5).eval()
    model = da.Judge("vit", vit, 32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    block, tokens = vit.blocks[0], vit._pos_embed(vit.patch_embed((VIEWS - 0.5) / 0.25))
    query, key, value = block.attn.qkv(block.norm1(tokens)).reshape(3, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
    heads = (query @ key.transpose(2, 3) / 8**0.5).softmax(dim=3) @ value  # (views, heads, tokens, 8)
    check(model, "blocks.0.attn#heads", heads.square().mean(dim=3))
    before = block.mlp.fc1(block.norm2(tokens + block.attn.proj(heads.transpose(1, 2).flatten(2)))).movedim(2, 1)
    check(model, "blocks.0.mlp.act", F.gelu(before))
    check(model, "blocks.0.mlp.act", before, before=True)


STRANGE = judge(nn.Sequential())
STRANGE.module._modules = {"a[0]": nn.Conv2d(3, 4, 3), "a": nn.Conv2d(4, 4, 3), "A": nn.ReLU(), "<b>": nn.ReLU()}
CLASSED = wrap(
    nn.Sequential(OrderedDict(classes=nn.Conv2d(3, 4, 3), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())),
    size=32, mean=(0.5,) * 3, std=(0.5,) * 3,
)  # fmt: skip
CASES: list[tuple[Any, list[tuple[Any, Any]]]] = [
    (partial(choose_numbers, Units("some", "channel", 16)), [
        (None, range(16)), (99, range(16)), (np.int64(2), [0, 1]), ("0-2, 9,1", [0, 1, 2, 9]), ("13-", [13, 14, 15]),
        (np.array([4, 1]), [4, 1]), (torch.tensor([4, 1]), [4, 1]), (iter([3, 3]), [3]), ("0-99", "unit 0-99 is"),
        ("0-15, 99", "unit 99 is"), ("5-2", "unit 5-2 is"), ("16-", "unit 16- is"), ([1.5], "unit 1.5 is"),
        ([-1], "unit -1 is not in some; it has units 0 to 15"), ([True], "unit True is"), ([None], "unit None is"),
        (["1"], "unit 1 is"), (0, "units 0 is too few"), (-3, "units -3 is too few"), ([], "no unit is given"),
        (" , ", "no unit is given"), ("-1", "units '-1' is neither"), ("1.5", "units '1.5'"), (2.5, "units 2.5 is no"),
        ("x" * 999, "units 'xxx"), (True, "units True is no list"),
    ]),
    (lambda layers: [units.name for units in find_units(STRANGE, layers)], [
        (None, ["A", "<b>"]), ("a[0]", ["a[0]"]), (["A", " a ", "?"], ["A", "a"]), ("c", "layer 'c' is not in toy"),
        ([], "no layer of toy is chosen"), ("", "no layer is named"), ([3], "layer 3 is no text"), (3, "layers 3 is"),
        (CLASSES, "toy has no classes"),
    ]),
    (lambda layers: [(units.name, units.kind) for units in find_units(CLASSED, layers)], [
        (None, [("classes", "channel"), ("classes (output)", "class")]), (CLASSES, [("classes", "channel")]),
        ("classes (output)", [("classes (output)", "class")]),
    ]),
    (lambda layers: [units.kind for units in find_units(judge(CLASSED.module), layers)], [
        (CLASSES, ["channel"]),
    ]),
    (lambda kinds: [kind for kind in kinds.split() if is_activation(Layer("a", kind, (4,), (0, 1)))], [
        (kinds := "ReLU LeakyReLU PReLU StarReLU ELU QuickGELU NewGELUActivation SiLU Hardswish Mish", kinds.split()),
        ("ConvSiLU ConvBNReLU LinearGELU SwiGLU Dinov2SwiGLUFFN PixelUnshuffle GELUMlp Sigmoid Conv2d", []),
    ]),
]  # fmt: skip


@each_case(("choose", "given", "found"), *[(choose, *case) for choose, cases in CASES for case in cases])
def test_layers_and_units_are_chosen_or_named_if_there_are_none(choose: Any, given: Any, found: Any) -> None:
    if isinstance(found, str):
        with pytest.raises(ValueError, match=re.escape(found)):
            choose(given)
    else:
        assert repr(choose(given)) == repr(list(found))
