"""Parts of a layer: each kind against its definition, ranges, text, and ascents that raise it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

import tinyclip
from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.models.frozen import freeze
from das_core.models.judge import Judge
from das_core.models.layers.activations import make_activation_judge
from das_core.models.sources.starters import load_starter
from das_core.objectives.feature import feature_objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import answer, classifier

BLOCK = "encoder.layers.encoder_layer_1"


def views(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def transformer() -> Judge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torchvision.models.VisionTransformer(32, 8, 3, 4, 48, 96, num_classes=5)
    return Judge("vit", freeze(module), 32, (0.5,) * 3, (0.5,) * 3)


def test_every_kind_is_its_definition_and_a_logit_a_channel_with_a_single_position() -> None:
    toy = classifier()
    maps = make_activation_judge(toy, ["2"])(views())["2"]
    expected = {
        "layer": maps.square().mean(dim=(1, 2, 3)),
        "channel": maps[:, 5].mean(dim=(1, 2)),
        "neuron": maps[:, 5, 4, 4],
        "direction": (0.6 * maps[:, 1] - 0.8 * maps[:, 7]).mean(dim=(1, 2)),
    }
    for kind, scores in expected.items():
        objective = feature_objective(toy, "2", kind, 5, direction=((1, 3.0), (7, -4.0)))  # type: ignore[arg-type]
        torch.testing.assert_close(answer(objective, views()), scores)
    corner = feature_objective(toy, "2", "neuron", 5, (0, 7))
    torch.testing.assert_close(answer(corner, views()), maps[:, 5, 0, 7])
    names = [feature_objective(toy, "2", kind, 5, direction=((1, 1.0),)).name for kind in expected]  # type: ignore[arg-type]
    assert names == ["2", "2 channel 5", "2 channel 5", "2 direction"]
    assert corner.name == "2 channel 5 at 0, 7"
    logits = toy(views())
    for kind in ("channel", "neuron"):
        objective = feature_objective(toy, "6", kind, 3)  # type: ignore[arg-type]
        torch.testing.assert_close(answer(objective, views()), logits[:, 3])
    along = feature_objective(toy, "6", "direction", direction=((3, 2.0),))
    torch.testing.assert_close(answer(along, views()), logits[:, 3])


@each_case(
    ("made", "block", "attention", "heads"),
    [
        (transformer, BLOCK, f"{BLOCK}.self_attention", 4),
        (tinyclip.clip, "transformer.resblocks.1", "transformer.resblocks.1.attn", 1),
    ],
)
def test_tokens_and_heads_of_a_transformer(made: Any, block: str, attention: str, heads: int) -> None:
    seen = made()
    tokens = make_activation_judge(seen, [block])(views())[block]
    first = feature_objective(seen, block, "neuron", 7, (0,))
    torch.testing.assert_close(answer(first, views()), tokens[:, 7, 0])
    along = feature_objective(seen, block, "direction", position=(0,), direction=((7, 3.0), (2, -4.0)))
    torch.testing.assert_close(answer(along, views()), 0.6 * tokens[:, 7, 0] - 0.8 * tokens[:, 2, 0])
    assert along.name == f"{block} direction at 0"
    apart = make_activation_judge(seen, [f"{attention}#heads"])(views())[f"{attention}#heads"]
    head = feature_objective(seen, attention, "head", heads - 1)
    expected = apart.chunk(heads, dim=1)[-1].square().mean(dim=(1, 2))
    torch.testing.assert_close(answer(head, views()), expected)
    assert head.name == f"{attention} head {heads - 1}"
    assert feature_objective(seen, f"{attention}#heads", "channel", 1).name.startswith(f"{attention}#heads")


@each_case(
    ("made", "arguments", "message"),
    [
        (classifier, ("blocks.3", "layer"), r"layer 'blocks.3' is not in toy"),
        (classifier, ("2", "channel", 32), r"channel 32 is out of range; layer 2 has channels 0 to 31"),
        (classifier, ("2", "neuron", -1), r"channel -1 is out of range; layer 2 has channels 0 to 31"),
        (
            classifier,
            ("2", "neuron", 0, (8, 0)),
            r"position '8, 0' is not in layer 2 .*8 x 8.*row from 0 to 7 and a column",
        ),
        (classifier, ("2", "neuron", 0, (0, -1)), r"position '0, -1' is not in layer 2"),
        (classifier, ("2", "neuron", 0, (3,)), r"position '3' is not in layer 2 .* such as '3, 5'"),
        (classifier, ("6", "neuron", 0, (0,)), r"position '0' is not in layer 6 .* leave the position empty"),
        (classifier, ("2", "direction"), r"a direction needs a channel that counts"),
        (classifier, ("2", "direction", 0, None, ((40, 1.0),)), r"channel 40 is out of range"),
        (classifier, ("2", "channel", 1.0), r"channel 1.0 is no whole number"),
        (classifier, ("2", "channel", None), r"channel None is no whole number"),
        (classifier, (2, "channel", 1), r"layer 2 is no text; write .*'0'"),
        (classifier, ("2", "channel", 1, (3, 5)), r"position \(3, 5\) is not for kind 'channel'; leave it out"),
        (
            classifier,
            ("2", "neuron", 1, 5),
            r"position 5 is no tuple of whole numbers; write .token,. or .row, column.",
        ),
        (classifier, ("2", "direction", 0, (3, 8), ((1, 1.0),)), r"position '3, 8' is not in layer 2"),
        (
            classifier,
            ("2", "direction", 0, None, "sae.npy"),
            r"direction sae.npy is neither .* load a file",
        ),
        (classifier, ("2", "direction", 0, None, [(1, 2, 3)]), r"a direction of shape \(1, 3\)"),
        (classifier, ("2", "direction", 0, None, 5), r"direction 5 is neither"),
        (classifier, ("2", "direction", 0, None, ((1.5, 1.0),)), r"direction \(\(1.5, 1.0\),\) is neither"),
        (classifier, ("2", "head"), r"toy has no attention heads .*choose"),
        (classifier, ("2", "dream"), r"kind 'dream' is unknown; choose one of layer, channel"),
        (transformer, (BLOCK, "neuron", 0, (17,)), r"position '17' .*17 tokens.*token from 0 to 16"),
        (transformer, (f"{BLOCK}.self_attention", "head", 4), r"head 4 is out of range; .* has heads 0 to 3"),
        (
            transformer,
            (BLOCK, "head", 0),
            r"layer '.*encoder_layer_1#heads' is not in vit; the nearest are .*self_att",
        ),
    ],
)
def test_parts_that_do_not_exist_are_refused_with_those_that_do(
    made: Callable[[], Judge], arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        feature_objective(made(), *arguments)


@each_case(("kind", "index"), [("layer", 0), ("channel", 17), ("neuron", 17)])
def test_a_few_steps_raise_the_activation(kind: Any, index: int) -> None:
    objective = feature_objective(load_starter(), "blocks.3", kind, index)
    still = Augmentation(1, Windows(0, 1.0, 1.0, 1.0), ())
    optimizer = NormalizedAscent(step_size=0.02, coarse_to_fine=0.0)
    stack = ImageStack.noise(StackSpec(64, 64, 0))
    history = Ascent(stack, [objective], still, steps=4, optimizer=optimizer).run().history
    scores = [record.scores[objective.name] for record in history]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


def test_a_head_of_a_transformer_climbs() -> None:
    objective = feature_objective(transformer(), "encoder.layers.encoder_layer_0.self_attention", "head", 2)
    stack = ImageStack.noise(StackSpec(32, 32, 0))
    history = Ascent(stack, [objective], Augmentation(2, Windows(0)), steps=6).run().history
    assert history[-1].scores[objective.name] > history[0].scores[objective.name]


def test_a_direction_may_be_a_tensor_or_an_array() -> None:
    shares = torch.linspace(-1, 1, 16)
    directions: list[Any] = [shares, shares.numpy(), shares.tolist(), tuple(enumerate(shares.tolist()))]
    made = [feature_objective(classifier(), "0", "direction", direction=given) for given in directions]
    assert len({objective.terms[0].score for objective in made}) == 1
    with pytest.raises(ValueError, match=r"of shape \(3,\) does not go with layer 0, .* \(16,\)"):
        feature_objective(classifier(), "0", "direction", direction=torch.ones(3))  # type: ignore[arg-type]
