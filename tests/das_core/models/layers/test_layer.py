"""What is inside a judge, and listening to it."""

import open_clip
import pytest
import timm
import tinyclip
import torch
import torchvision
from torch import Tensor, nn
from toys import classifier, judge

from das_core.models.judge import Judge, freeze
from das_core.models.layers.activations import capture_layers, capture_layers_named, merge_judges
from das_core.models.layers.default_layers import choose_content_layer, choose_style_layers
from das_core.models.layers.heads import HEADS
from das_core.models.layers.layer import Layer, find_layer, find_layers, format_layers, search_layers
from das_core.models.sources.starters import load_starter


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


class Tokens(nn.Module):
    """Keeps the views behind the tokens, as some transformers do, then tells every view the same twice over."""

    def __init__(self) -> None:
        super().__init__()
        self.behind, self.last, self.same = nn.Identity(), nn.Linear(3, 5), nn.Identity()

    def forward(self, views: Tensor) -> Tensor:
        tokens = self.behind(views.flatten(2).permute(2, 0, 1))
        self.same(torch.zeros(7, 3))
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
    assert format_layers(layers).splitlines()[0] == "0  16 channels, 16 x 16  Conv2d"
    assert [layer.name for layer in search_layers(layers, "si LU")] == ["1", "3"]


def test_axes_are_brought_into_one_order() -> None:
    module = Tokens()
    seen = judge(module, size=4)
    layers = {layer.name: layer.shape for layer in find_layers(seen)}
    assert layers == {"behind": (3, 16), "last": (5, 4, 4)}, "what a view has no share in is left out"
    views = noise(3, 3, 4, 4)
    output = capture_layers_named(seen, ["behind", "last"])(views)
    torch.testing.assert_close(output["behind"], views.flatten(2))
    torch.testing.assert_close(output["last"], module.last(views.movedim(1, 3)).movedim(3, 1))


def test_a_layer_that_runs_twice_tells_its_last_output_even_if_that_is_overwritten() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.after = nn.Identity(), nn.ReLU(inplace=True)

        def forward(self, views: Tensor) -> Tensor:
            return self.after(self.act(self.act(views) - 0.5) * 1.0)

    class Overwritten(Twice):
        def forward(self, views: Tensor) -> Tensor:
            return self.after(self.act(self.act(views) - 0.5))

    for module in (Twice(), Overwritten()):
        (act, _) = find_layers(judge(module))
        assert act.calls == 2
        views = noise(2, 3, 16, 16).requires_grad_()
        found = capture_layers(judge(module), [act])(views)["act"]
        torch.testing.assert_close(found, views - 0.5)
        assert torch.equal(torch.autograd.grad(found.sum(), views)[0], torch.ones_like(views))


def test_nothing_runs_after_the_last_layer_that_is_watched() -> None:
    toy = classifier()
    ran: list[str] = []
    toy.module[4].register_forward_hook(lambda *_: ran.append("4"))
    early = capture_layers_named(toy, ["1"])
    ran.clear()
    early(noise(1, 3, 32, 32))
    assert not ran


def test_hooks_are_gone_afterwards_also_after_an_error() -> None:
    toy = classifier()
    seen = capture_layers_named(toy, ["0", "3"])
    seen(noise(1, 3, 32, 32))
    assert hooks(toy.module) == 0
    with pytest.raises(RuntimeError):
        seen(noise(1, 4, 32, 32))
    assert hooks(toy.module) == 0
    small = judge(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(7, 2)))
    with pytest.raises(RuntimeError):
        find_layers(small)
    assert hooks(small.module) == 0


def test_the_module_is_shared_and_joined_judges_watch_all() -> None:
    toy = classifier()
    one, two = capture_layers_named(toy, ["1", "3"]), capture_layers_named(toy, ["3", "0"])
    both = merge_judges([one, two])
    assert one.module is both.module is toy.module
    assert [layer.name for layer in both.layers] == ["1", "3", "0"]  # type: ignore[attr-defined]
    views = noise(2, 3, 32, 32)
    output = both(views)
    for name in ("0", "1", "3"):
        assert torch.equal(output[name], capture_layers_named(toy, [name])(views)[name])  # type: ignore[index]
    assert merge_judges([toy, toy]) is toy


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_told_in_float32_with_gradients_of_the_same_size(dtype: torch.dtype) -> None:
    views = noise(2, 3, 32, 32)
    gradients = []
    for toy in (classifier(), classifier().with_precision(dtype)):
        shown = views.clone().requires_grad_()
        found = capture_layers_named(toy, ["2"])(shown)["2"]
        assert found.dtype == torch.float32
        gradients.append(torch.autograd.grad(found.square().mean(), shown)[0])
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 0.05


def test_an_unknown_layer_is_answered_with_the_nearest() -> None:
    starter = load_starter()
    layers = find_layers(starter)
    with pytest.raises(ValueError, match=r"layer 'blocks.9' is not in EfficientNet-Lite0; the nearest are blocks.\d"):
        find_layer(layers, "blocks.9", starter.name)
    with pytest.raises(ValueError, match=r"layer 'conv_dw' .*blocks.0.0.conv_dw"):
        find_layer(layers, "conv_dw", starter.name)
    with pytest.raises(ValueError, match=r"no layer is named; write one of .* such as blocks"):
        find_layer(layers, " ", starter.name)
    with pytest.raises(ValueError, match=r"layer '\?\?' is not in .*; there is conv_stem, .*"):
        find_layer(layers, "??", starter.name)
    with pytest.raises(ValueError, match="toy has no layers"):
        find_layers(judge(nn.Conv2d(3, 1, 1)))


def vision_transformer() -> Judge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.VisionTransformer(32, 8, 3, 4, 48, 96, num_classes=5)
    return Judge("vit", freeze(module), 32, (0.5,) * 3, (0.5,) * 3)


def timm_transformer() -> Judge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = timm.create_model(
            "vit_tiny_patch16_224", img_size=32, patch_size=8, depth=3, embed_dim=48, num_heads=4
        )
    return Judge("vit", freeze(module), 32, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("made", "attention", "projection", "tokens", "heads"),
    [
        (vision_transformer, "encoder.layers.encoder_layer_1.self_attention", "out_proj", 17, 4),
        (tinyclip.clip, "transformer.resblocks.1.attn", "out_proj", 17, 1),
        (timm_transformer, "blocks.1.attn", "proj", 17, 4),
    ],
)
def test_heads_are_what_the_last_projection_mixes(
    made: object, attention: str, projection: str, tokens: int, heads: int
) -> None:
    seen = made()  # type: ignore[operator]
    layers = {layer.name: layer for layer in find_layers(seen)}
    layer = layers[attention + HEADS]
    assert (layer.heads, layer.positions, layers[attention].shape) == (heads, (tokens,), layer.shape)
    output = capture_layers_named(seen, [attention, attention + HEADS])(noise(3, 3, 32, 32))
    mix = seen.module.get_submodule(attention).get_submodule(projection)
    expected = mix(output[attention + HEADS].transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(output[attention], expected, atol=1e-5, rtol=1e-4)


def test_heads_are_told_where_tokens_stand_in_front() -> None:
    class Behind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2).requires_grad_(False)
            self.attention.in_proj_bias = None
            self.attention.out_proj.bias = None

        def forward(self, views: Tensor) -> Tensor:
            tokens = views.flatten(2).unflatten(2, (-1, 2)).permute(2, 0, 1, 3).flatten(2)
            return self.attention(key=tokens, query=tokens, value=tokens)[0].mean(dim=0)

    seen = judge(Behind(), size=4)
    output = capture_layers_named(seen, ["attention", "attention#heads"])(noise(3, 3, 4, 4))
    expected = seen.module.attention.out_proj.weight @ output["attention#heads"]
    torch.testing.assert_close(output["attention"], expected)
    assert find_layer(find_layers(seen), "attention#heads", "toy").describe() == "2 heads of 3 = 6 channels, 8 tokens"


FAMILIES = {
    "resnet18": (["relu", "layer1", "layer2", "layer3"], "layer2"),
    "vgg11": (["features.1", "features.4", "features.9", "features.14", "features.19"], "features.14"),
    "convnext_tiny": (["features.1", "features.3", "features.5"], "features.3"),
    "efficientnet_b0": (["features.1", "features.2", "features.3", "features.5"], "features.3"),
    "swin_t": (["features.1", "features.3", "features.5"], "features.3"),
    "vit_b_32": ([f"encoder.layers.encoder_layer_{n}" for n in (2, 4, 6, 8)], "encoder.layers.encoder_layer_6"),
}


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_family_has_its_layers_for_style_and_content(architecture: str) -> None:
    with torch.device("cpu"):
        module = torchvision.models.get_model(architecture, weights=None)
    layers = find_layers(Judge("model", freeze(module), 224, (0.5,) * 3, (0.5,) * 3))
    assert (choose_style_layers(layers, 224), choose_content_layer(layers, 224)) == FAMILIES[architecture]


@pytest.mark.parametrize(
    ("architecture", "style", "content"),
    [
        ("ViT-B-32", [f"transformer.resblocks.{n}" for n in (2, 4, 6, 8)], "transformer.resblocks.6"),
        ("RN50", ["act3", "layer1", "layer2", "layer3"], "layer2"),
        ("convnext_base", ["trunk.stem", "trunk.stages.1", "trunk.stages.2"], "trunk.stages.1"),
    ],
)
def test_towers_of_clips_have_theirs(architecture: str, style: list[str], content: str) -> None:
    config = dict(open_clip.get_model_config(architecture))
    config["text_cfg"] = tinyclip.TINY["text_cfg"]
    layers = find_layers(tinyclip.clip(config=config))
    assert (choose_style_layers(layers, 224), choose_content_layer(layers, 224)) == (style, content)


def test_maps_of_tokens_against_tokens_are_no_stage() -> None:
    maps = [Layer(str(side), "Map", (4, side, side), (0, 1, 2, 3)) for side in (56, 28, 14, 49, 7)]
    assert choose_style_layers(maps, 224) == ["56", "28", "14"]


def test_small_networks_have_some_layer_at_least() -> None:
    layers = find_layers(classifier())
    assert (choose_style_layers(layers, 32), choose_content_layer(layers, 32)) == (["1", "3", "4"], "4")
    flat = find_layers(judge(nn.Sequential(nn.Flatten(), nn.Linear(768, 4))))
    assert (choose_style_layers(flat, 16), choose_content_layer(flat, 16)) == (["1"], "1")
