"""Where a model sees what it is asked for: in the right half, by the formula, and in any kind of model."""

from typing import Any

import pytest
import torch
from skimage.data import chelsea, coffee
from torch import nn
from torch.nn import functional as F

import direct_ascent as da
import tinyclip
from cases import each_case, refuses
from toys import classifier

CAT = torch.from_numpy(chelsea()[:300, 80:380].copy()).movedim(-1, 0)[None] / 255
CUP = F.interpolate(torch.from_numpy(coffee()[:400, 100:500].copy()).movedim(-1, 0)[None] / 255, size=(300, 300))
BOTH = torch.cat([torch.cat([CAT, CUP], dim=3), torch.cat([CUP, CAT], dim=3)], dim=2)
TOY = classifier()
PARTS: Any = TOY.module
PHOTO = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(3))


def measure_share(seen: torch.Tensor) -> float:
    """The share of a map of `BOTH` that lies on the cats."""
    return float((seen[..., :300, :300].sum() + seen[..., 300:, 300:].sum()) / seen.sum())


@each_case(("model", "cat", "cup"), ("starter", "Egyptian cat", "espresso"), ("clip", "a cat", "a cup of coffee"))
def test_what_is_asked_for_is_found_where_it_is(model: str, cat: str, cup: str) -> None:
    judge = da.load_starter() if model == "starter" else da.load_starter_clip()
    assert measure_share(da.saliency(judge, BOTH, cat)) > 0.8
    assert measure_share(da.saliency(judge, BOTH, cup)) < 0.25
    difference = (da.text if model == "clip" else da.classes)(cat) - (da.text if model == "clip" else da.classes)(cup)
    assert measure_share(da.saliency(judge, BOTH, difference)) > 0.9


def test_it_is_activation_times_gradient_and_of_a_channel_its_activation() -> None:
    square = PHOTO[..., 8:40]
    shown = TOY.preprocess(square)
    first = PARTS[:3](shown).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(PARTS[3:](first)[0, 4], first)
    expected = F.interpolate((first * gradient).sum(dim=1, keepdim=True), size=(32, 32), mode="bilinear").clamp(min=0)
    seen = da.saliency(TOY, PHOTO, 4, "2")
    assert seen.shape == (1, 1, 32, 48)
    torch.testing.assert_close(seen[..., 8:40], expected.detach() / expected.max())
    assert not seen[..., :8].any()
    assert not seen[..., 40:].any()
    channel = F.interpolate(PARTS[:1](shown)[:, 5:6], size=(32, 32), mode="bilinear").clamp(min=0)
    torch.testing.assert_close(da.saliency(TOY, PHOTO, "0:5")[..., 8:40], channel / channel.max())
    pair = torch.cat([PHOTO, PHOTO.flip(3)])
    torch.testing.assert_close(da.saliency(TOY, pair, "0:5")[:1], da.saliency(TOY, PHOTO, "0:5"))


class Blocks(nn.Module):
    """A transformer with a class token, whose answer depends on that token alone."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        layers = [nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(4)]
        self.blocks, self.head = nn.ModuleList(layers), nn.Linear(16, 5)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(views).flatten(2).mT
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens[:, 0])


def test_transformers_and_layers_that_are_changed_in_place_have_one() -> None:
    blocks = da.wrap(Blocks().eval(), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    for layer in (None, "blocks.1"):  # An untrained model may only see what speaks against a class.
        assert max(float(da.saliency(blocks, PHOTO, index, layer).max()) for index in range(5)) == 1
    assert float(da.saliency(blocks, PHOTO, "blocks.2:7").max()) == 1
    head: Any = da.head("transformer.resblocks.1.attn", 0)
    assert float(da.saliency(tinyclip.clip(), PHOTO, head).max()) == 1
    torch.manual_seed(0)
    parts = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    judge = da.wrap(nn.Sequential(*parts).eval(), size=32, mean=(0,) * 3, std=(1,) * 3)
    before, after = (da.saliency(judge, PHOTO, 1, name) for name in ("0", "1"))
    torch.testing.assert_close(before, after)  # A ReLU passes the product of activation and gradient on.
    with torch.inference_mode():
        assert torch.equal(da.saliency(judge, PHOTO, 1, "0"), before)


test_what_has_no_map_is_said = refuses(
    lambda wish, layer: da.saliency(TOY, PHOTO, wish, layer),
    (da.content(PHOTO, "0"), None, "'content' asks nothing of a photograph by itself"),
    (da.prior("l2"), None, "'l2' asks nothing"),
    (da.channels("0", [1, 2]), None, "asks nothing of a photograph by itself; look for a class"),
    (3, "6", "6 of toy has no positions; name another layer"),
    ("0:3", "2", "no place of the photograph changes '0 channel 3'; name another layer"),
    (3, "seven", "layer 'seven' is not in toy"),
)


def test_a_photograph_is_one() -> None:
    with pytest.raises(ValueError, match="the photograph is a path; open it first"):
        da.saliency(TOY, "cat.jpg", 3)  # type: ignore[arg-type]
