"""Parts of a layer: each kind against its definition, ranges, and ascents that raise it."""

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

import direct_ascent as da
import tinyclip
from cases import each_case, refuses
from das_core.ascent import NormalizedAscent
from das_core.models.frozen import freeze
from das_core.models.layers.activations import make_activation_judge
from das_core.objectives.feature import parse_direction, parse_position
from das_core.views import Augmentation, Windows
from direct_ascent import Ascent, ImageStack, Judge, StackSpec
from toys import answer, classifier

BLOCK = "encoder.layers.encoder_layer_1"
VIEWS = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TOY = classifier()


def transformer() -> Judge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.VisionTransformer(32, 8, 3, 4, 48, 96, num_classes=5)
    return Judge("vit", freeze(module), 32, (0.5,) * 3, (0.5,) * 3)


VIT = transformer()


def see(judge: Judge, layer: str) -> Tensor:
    """Return the activations of a layer for the views."""
    return make_activation_judge(judge, [layer])(VIEWS)[layer]


MAPS, LOGITS = see(TOY, "2"), TOY(VIEWS)
ALONG: dict[str, Any] = {"kind": "direction", "direction": ((1, 3.0), (7, -4.0))}


@each_case(
    ("layer", "settings", "scores", "name"),
    ("2", {}, MAPS.square().mean(dim=(1, 2, 3)), "2"),
    ("2", {"kind": "channel", "index": 5}, MAPS[:, 5].mean(dim=(1, 2)), "2 channel 5"),
    ("2", {"kind": "neuron", "index": 5}, MAPS[:, 5, 4, 4], "2 channel 5"),
    ("2", {"kind": "neuron", "index": 5, "position": (0, 7)}, MAPS[:, 5, 0, 7], "2 channel 5 at 0, 7"),
    ("2", ALONG, (0.6 * MAPS[:, 1] - 0.8 * MAPS[:, 7]).mean(dim=(1, 2)), "2 direction"),
    # A logit is a channel with a single position.
    ("6", {"kind": "channel", "index": 3}, LOGITS[:, 3], "6 channel 3"),
    ("6", {"kind": "neuron", "index": 3}, LOGITS[:, 3], "6 channel 3"),
    ("6", {"kind": "direction", "direction": ((3, 2.0),)}, LOGITS[:, 3], "6 direction"),
)
def test_every_kind_is_its_definition(layer: str, settings: dict[str, Any], scores: Tensor, name: str) -> None:
    objective = da.feature(layer, **settings).on(TOY)
    torch.testing.assert_close(answer(objective, VIEWS), scores)
    assert objective.name == name


@each_case(
    ("model", "block", "attention", "heads"),
    (VIT, BLOCK, f"{BLOCK}.self_attention", 4),
    (tinyclip.clip(), "transformer.resblocks.1", "transformer.resblocks.1.attn", 1),
)
def test_tokens_and_heads_of_a_transformer(model: Judge, block: str, attention: str, heads: int) -> None:
    tokens = see(model, block)
    first = da.feature(block, "neuron", 7, (0,)).on(model)
    torch.testing.assert_close(answer(first, VIEWS), tokens[:, 7, 0])
    along = da.feature(block, position=(0,), **ALONG).on(model)
    torch.testing.assert_close(answer(along, VIEWS), 0.6 * tokens[:, 1, 0] - 0.8 * tokens[:, 7, 0])
    assert along.name == f"{block} direction at 0"
    head = da.feature(attention, "head", heads - 1).on(model)
    expected = see(model, f"{attention}#heads").chunk(heads, dim=1)[-1].square().mean(dim=(1, 2))
    torch.testing.assert_close(answer(head, VIEWS), expected)
    assert head.name == f"{attention} head {heads - 1}"
    assert da.feature(f"{attention}#heads", "channel", 1).on(model).name.startswith(f"{attention}#heads")


test_parts_that_do_not_exist_are_refused_with_those_that_do = refuses(
    lambda model, arguments: da.feature(*arguments).on(model),
    (TOY, ("blocks.3", "layer"), r"layer 'blocks.3' is not in toy"),
    (TOY, ("2", "channel", 32), r"channel 32 is out of range; layer 2 has channels 0 to 31"),
    (TOY, ("2", "neuron", -1), r"channel -1 is out of range; layer 2 has channels 0 to 31"),
    (TOY, ("2", "neuron", 0, (8, 0)), r"position '8, 0' is not in layer 2 .*8 x 8.*row from 0 to 7 and a column"),
    (TOY, ("2", "neuron", 0, (0, -1)), r"position '0, -1' is not in layer 2"),
    (TOY, ("2", "neuron", 0, (3,)), r"position '3' is not in layer 2 .* such as '3, 5'"),
    (TOY, ("6", "neuron", 0, (0,)), r"position '0' is not in layer 6 .* leave the position empty"),
    (TOY, ("2", "direction"), r"a direction needs a channel that counts"),
    (TOY, ("2", "direction", 0, None, ((40, 1.0),)), r"channel 40 is out of range"),
    (TOY, ("2", "direction", 0, None, ((1, torch.inf),)), r"the weight inf of channel 1"),
    (TOY, ("2", "channel", 1.0), r"channel 1.0 is no whole number"),
    (TOY, (2, "channel", 1), r"layer 2 is no text; write .*'0'"),
    (TOY, ("2", "channel", 1, (3, 5)), r"position \(3, 5\) is not for kind 'channel'; leave it out"),
    (TOY, ("2", "neuron", 1, 5), r"position 5 is no tuple of whole numbers; write .token,. or .row, column."),
    (TOY, ("2", "direction", 0, (3, 8), ((1, 1.0),)), r"position '3, 8' is not in layer 2"),
    (TOY, ("2", "direction", 0, None, "sae.npy"), r"direction sae.npy is neither a number for each of the 32"),
    (TOY, ("2", "direction", 0, None, ((1.5, 1.0),)), r"direction \(\(1.5, 1.0\),\) is neither"),
    (TOY, ("2", "direction", 0, None, torch.ones(3)), r"direction .* of shape \(3,\) is neither .* 32 channels"),
    (TOY, ("2", "head"), r"toy has no attention heads .*choose"),
    (TOY, ("2", "dream"), r"kind 'dream' is unknown; choose one of layer, channel"),
    (VIT, (BLOCK, "neuron", 0, (17,)), r"position '17' .*17 tokens.*token from 0 to 16"),
    (VIT, (f"{BLOCK}.self_attention", "head", 4), r"head 4 is out of range; .* has heads 0 to 3"),
    (VIT, (BLOCK, "head", 0), r"layer '.*layer_1#heads' is not in vit; the nearest are .*self_att"),
)


@each_case(
    ("model", "layer", "kind", "index"),
    (TOY, "2", "layer", 0),
    (TOY, "2", "channel", 17),
    (TOY, "2", "neuron", 17),
    (VIT, f"{BLOCK}.self_attention", "head", 2),
)
def test_a_few_steps_raise_the_activation(model: Judge, layer: str, kind: Any, index: int) -> None:
    objective = da.feature(layer, kind, index).on(model)
    still = Augmentation(1, Windows(0, 1.0, 1.0, 1.0), ())
    optimizer = NormalizedAscent(step_size=0.02, coarse_to_fine=0.0)
    stack = ImageStack.noise(StackSpec(32, 32, 0))
    history = Ascent(stack, [objective], still, steps=4, optimizer=optimizer).run().history
    scores = [record.scores[objective.name] for record in history]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


def test_a_direction_may_be_a_tensor_or_an_array() -> None:
    shares = torch.linspace(-1, 1, 16)
    directions: list[Any] = [shares, shares.numpy(), shares.tolist(), tuple(enumerate(shares.tolist()))]
    made = [da.feature("0", "direction", direction=given).on(TOY) for given in directions]
    assert len({objective.list_terms()[0].score for objective in made}) == 1


def test_positions_and_directions_are_read_from_text() -> None:
    assert [parse_position(text) for text in ("", " 4 ", "3, 5", "3 5")] == [None, (4,), (3, 5), (3, 5)]
    assert parse_direction("12: 0.5\n\n40: -1\n12") == ((12, 1.5), (40, -1.0))
    with pytest.raises(ValueError, match=r"position 'left' is not one or two whole numbers"):
        parse_position("left")
    with pytest.raises(ValueError, match=r"channel 'red' is not a whole number"):
        parse_direction("red: 1")
