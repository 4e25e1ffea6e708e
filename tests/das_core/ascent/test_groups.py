"""Several judges at once: names, groups, and gradients that count by weight whatever their scale."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.groups import Member, TermGroup, balance_gradients
from das_core.ascent.loop import Ascent
from das_core.ascent.plan import make_plan
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.common.seeding import make_generator
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.layers.activations import ActivationJudge
from das_core.models.partial_classifier import PartialClassifier, make_partial_classifier
from das_core.objectives.change import in_region
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.objectives.feature import feature_objective
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective, Term
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier, judge, output_objective

SPEC = StackSpec(32, 32, 8)
VIEWS = Augmentation(3, Windows(8))


def noise(*key: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 8, 9, generator=make_generator(*key))


def length(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).norm(dim=1)


def same(part: Tensor) -> Tensor:
    return part


def test_the_others_are_brought_to_the_scale_of_the_first_measured_by_where_they_lead() -> None:
    first, second, third = noise(1), 1000 * noise(2), 1e-6 * noise(3)
    total = balance_gradients([first, second, third], [1.0, 2.0, 0.5], same)
    # What is left of the sum after the first, taken apart along what was put in.
    rest = total - first
    for item in range(2):
        basis = torch.stack([second[item].flatten(), third[item].flatten()])
        parts = torch.linalg.lstsq(basis.T.double(), rest[item].flatten().double()[:, None]).solution[:, 0]
        sizes = parts * basis.double().norm(dim=1)
        assert sizes.tolist() == pytest.approx([2 * float(length(first)[item]), 0.5 * float(length(first)[item])], 1e-4)

    # A stack that lets red through and nothing else.
    def red(part: Tensor) -> Tensor:
        return part * torch.tensor([1.0, 0.0, 0.0])[:, None, None]

    second = noise(2)
    second[:, 1:] *= 1e3
    total = balance_gradients([first, second], [1.0, 1.0], red)
    torch.testing.assert_close(length(red(total - first)), length(red(first)))


def test_images_of_a_batch_are_scaled_each_by_itself_and_its_weight_and_the_frames_of_a_film_as_one() -> None:
    first, second = noise(1), noise(2) * torch.tensor([1.0, 1e4])[:, None, None, None]
    both = balance_gradients([first, second], [1.0, 1.0], same)
    for item in range(2):
        alone = balance_gradients([first[item : item + 1], second[item : item + 1]], [1.0, 1.0], same)
        torch.testing.assert_close(both[item : item + 1], alone)
    first, second = noise(0), noise(1)
    weights = torch.tensor([0.5, 0.0])[:, None, None, None]
    total = balance_gradients([first, second], [1.0, weights], same)
    expected = balance_gradients([first, second], [1.0, 0.5], same)
    torch.testing.assert_close(total[0], expected[0])
    torch.testing.assert_close(total[1], first[1])
    first[1] *= 7
    total = balance_gradients([first, second], [1.0, 0.5], same, as_one=True)
    torch.testing.assert_close(total, first + second * 0.5 * float(first.norm() / second.norm()))


def test_a_gradient_alone_or_beside_one_that_changes_nothing_stays_as_it_is() -> None:
    gradient, nothing = noise(1), torch.zeros(2, 3, 8, 9)
    assert balance_gradients([gradient], [3.0], same) is gradient
    for gradients in ([nothing, gradient], [gradient, nothing]):
        assert torch.equal(balance_gradients(gradients, [1.0, 1.0], same), noise(1))
    assert torch.equal(balance_gradients([gradient, nothing], [1.0, 0.0], same), noise(1))
    assert not bool(balance_gradients([nothing, nothing], [1.0, 1.0], same).any())


def test_what_is_not_a_number_stays_visible() -> None:
    broken = noise(2)
    broken[0, 0, 0, 0] = torch.nan
    for gradients in ([broken, noise(1)], [noise(1), broken]):
        assert bool(balance_gradients(gradients, [1.0, 1.0], same)[0].isnan().any())


def test_objectives_of_one_module_in_one_region_make_one_group() -> None:
    one, other = classifier(seed=1), classifier(seed=2)
    everywhere = [class_objective(model, ((3, 1.0),)) for model in (one, other, replace(one, owner=object()))]
    groups = make_plan(everywhere, SPEC, 1).groups
    assert [[member.name for member in group.members] for group in groups] == [
        ["class 3", "class 3 (3)"],
        ["class 3 (2)"],
    ]
    assert [group.judge and group.judge.module for group in groups] == [one.module, other.module]
    here, there = torch.eye(8)[None], torch.ones(1, 8, 8)
    first, second = class_objective(one, ((1, 1.0),)), class_objective(one, ((2, 1.0),))
    objectives = [in_region(first, here), in_region(second, here), in_region(first, there), first]
    groups = make_plan([prior(), *objectives], SPEC, 1).groups
    assert [len(group.members) for group in groups] == [2, 1, 1, 1]
    assert groups[-1].judge is None


def test_names_are_numbered_from_the_second_on_and_keep_their_order() -> None:
    same = output_objective(judge(nn.Identity()), name="a cat")
    parts = make_plan([same, prior(), same, same], SPEC, 1).parts
    assert list(parts) == ["a cat", "total variation", "a cat (2)", "a cat (3)"]
    # They differ even from names that look numbered.
    model = classifier()
    objectives = [output_objective(model, name=name) for name in ("cat", "cat", "cat (2)", "dog", "cat")]
    parts = make_plan(objectives, SPEC, 1).parts
    assert list(parts) == ["cat", "cat (2)", "cat (2) (2)", "dog", "cat (3)"]
    assert list(parts.values()) == [objective.terms for objective in objectives]
    history = climb(ask(0, 3), ask(0, 3, 0.5), ask(0, 4)).history
    assert list(history[0].scores) == ["class 3", "class 3 (2)", "class 4"]


def test_the_output_or_the_features_of_a_model_and_its_activations_make_two_groups() -> None:
    model = classifier()
    inner = feature_objective(model, "1", "channel", 2)
    features = [class_objective(make_partial_classifier(model, 1.0), ((3, 1.0),)), inner]
    groups = make_plan(features, SPEC, 1).groups
    assert [type(group.judge) for group in groups] == [PartialClassifier, ActivationJudge]
    Ascent(ImageStack.gray(SPEC), features, VIEWS, steps=1).run()
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    objectives = [content_objective(model, picture, "3"), class_objective(model, ((3, 1.0),)), inner]
    groups = make_plan(objectives, SPEC, 1).groups
    assert [[member.name for member in group.members] for group in groups] == [["content", "1 channel 2"], ["class 3"]]
    inside, outside = (group.judge for group in groups)
    assert isinstance(inside, ActivationJudge)
    assert outside is model
    assert inside.module is model.module
    assert [layer.name for layer in inside.layers] == ["3", "1"]
    ascent = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, steps=3)
    for step in ascent:
        assert step.record.gradient_norm > 0
    alone = next(iter(Ascent(ImageStack.gray(SPEC), objectives[:1], VIEWS, steps=3)))
    assert ascent.history[0].scores["content"] == pytest.approx(alone.record.scores["content"], rel=1e-5)


class Louder(nn.Module):
    """A model whose answers are a thousand times as large."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, views: Tensor) -> Tensor:
        answer: Tensor = self.module(views) * 1000
        return answer


def ask(seed: int, target: int, weight: float = 1.0, loud: bool = False) -> Objective:
    model = classifier(seed=seed)
    if loud:
        model = replace(model, module=Louder(model.module).requires_grad_(False))
    return class_objective(model, target, "logit", weight)


def climb(*objectives: Objective, **settings: Any) -> Result:
    return Ascent(ImageStack.gray(SPEC), objectives, VIEWS, **{"steps": 3, **settings}).run()


def test_a_louder_judge_neither_counts_more_nor_changes_what_a_learning_rate_means() -> None:
    quiet = climb(ask(1, 3), ask(2, 5)).image
    loud = climb(ask(1, 3), ask(2, 5, loud=True)).image
    torch.testing.assert_close(quiet, loud, atol=1e-4, rtol=0)
    alone = climb(ask(1, 3), optimizer=SGD(1.0), steps=1).stack.canvas
    joined = climb(ask(1, 3), ask(2, 5, loud=True), optimizer=SGD(1.0), steps=1).stack.canvas
    assert 0.5 < float(joined.norm() / alone.norm()) < 2.5


def test_weights_count_between_judges() -> None:
    def gains(weight: float) -> list[float]:
        history = climb(ask(1, 3), ask(2, 5, weight), steps=15).history
        return [history[-1].scores[name] - history[0].scores[name] for name in ("class 3", "class 5")]

    even, faint = gains(1.0), gains(0.1)
    assert min(even) > 0.1
    assert faint[0] > even[0]
    assert faint[1] < even[1]


def test_the_order_of_judges_does_not_matter_where_steps_have_one_size() -> None:
    # One view of everything, so that no draw depends on the number of a model.
    still = Augmentation(1, Windows(8, 1.0, 1.0, 1.0), ())
    images = [
        Ascent(ImageStack.gray(SPEC), objectives, still, steps=3).run().image
        for objectives in ([ask(1, 3), ask(2, 5, 0.5)], [ask(2, 5, 0.5), ask(1, 3)])
    ]
    torch.testing.assert_close(images[0], images[1], atol=1e-4, rtol=0)


def test_parts_of_one_objective_are_groups_that_take_turns() -> None:
    models = [classifier(seed=1), classifier(seed=2)]
    both = class_objective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    other = class_objective(ClassifierEnsemble.from_members(models), ((5, 1.0),), weight=0.4)
    alone = class_objective(models[0], ((7, 1.0),))
    groups = make_plan([both, other, alone], SPEC, 1).groups
    assert [group.members[0].term.share for group in groups] == [(0, 2), (1, 2), (0, 1)]
    assert [[member.name for member in group.members] for group in groups] == [["class 3", "class 5"]] * 2 + [
        ["class 7"]
    ]
    assert [[member.term.weight for member in group.members] for group in groups] == [[0.5, 0.2], [0.5, 0.2], [1.0]]
    for group, model in zip(groups, [*models, models[0]], strict=True):
        assert group.judge is not None
        assert group.judge.module is model.module


@each_case("views, count", product([1, 2, 5, 16], [1, 2, 3]))
def test_every_view_is_seen_by_one_part_and_all_take_turns(views: int, count: int) -> None:
    seen = torch.zeros(count)
    for step in range(count):
        terms = [Term("part", lambda output, images: output, share=(number, count)) for number in range(count)]
        chosen = [TermGroup(None, (Member("part", term),)).choose_views(views, step) for term in terms]
        assert sorted(view for part in chosen for view in part) == list(range(views))
        seen += torch.tensor([float(len(part)) for part in chosen])
    assert seen.tolist() == [views] * count
