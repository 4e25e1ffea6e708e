"""Several models at once: each counts by its weight, whatever the size of its gradients."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import Output, classifier, judge

from das_core.ascent.ensemble import balance_gradients, group_by_judge, name_objectives
from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD, NormalizedAscent
from das_core.ascent.result import AscentError
from das_core.common.seeding import make_generator
from das_core.models.layers.activations import ActivationJudge
from das_core.objectives.classes import ClassObjective
from das_core.objectives.content import ContentObjective
from das_core.objectives.feature import FeatureObjective
from das_core.objectives.wrapped import ScheduledObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

SPEC = StackSpec(32, 32, 8)
VIEWS = Augmentation(3, Windows(8))


def noise(*key: int, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 8, 9, generator=make_generator(*key))


def length(gradient: Tensor) -> Tensor:
    return gradient.flatten(1).norm(dim=1)


def same(part: Tensor) -> Tensor:
    return part


def test_a_single_gradient_is_left_alone() -> None:
    gradient = noise(1)
    assert balance_gradients([gradient], [3.0], same) is gradient


def test_the_others_are_brought_to_the_scale_of_the_first() -> None:
    first, second, third = noise(1), 1000 * noise(2), 1e-6 * noise(3)
    total = balance_gradients([first, second, third], [1.0, 2.0, 0.5], same)
    # What is left of the sum after the first, taken apart along what was put in.
    rest = total - first
    for item in range(2):
        basis = torch.stack([second[item].flatten(), third[item].flatten()])
        parts = torch.linalg.lstsq(basis.T.double(), rest[item].flatten().double()[:, None]).solution[:, 0]
        sizes = parts * basis.double().norm(dim=1)
        assert sizes.tolist() == pytest.approx([2 * float(length(first)[item]), 0.5 * float(length(first)[item])], 1e-4)


def test_images_of_a_batch_are_scaled_by_themselves() -> None:
    first, second = noise(1), noise(2) * torch.tensor([1.0, 1e4])[:, None, None, None]
    both = balance_gradients([first, second], [1.0, 1.0], same)
    for item in range(2):
        alone = balance_gradients([first[item : item + 1], second[item : item + 1]], [1.0, 1.0], same)
        torch.testing.assert_close(both[item : item + 1], alone)


def test_gradients_are_measured_by_where_they_lead() -> None:
    # A stack that lets red through and nothing else.
    def red(part: Tensor) -> Tensor:
        return part * torch.tensor([1.0, 0.0, 0.0])[:, None, None]

    first, second = noise(1), noise(2)
    second[:, 1:] *= 1e3
    total = balance_gradients([first, second], [1.0, 1.0], red)
    torch.testing.assert_close(length(red(total - first)), length(red(first)))


def test_a_model_that_leads_nowhere_takes_nothing_from_the_others() -> None:
    nothing = torch.zeros(2, 3, 8, 9)
    for gradients in ([nothing, noise(1)], [noise(1), nothing]):
        assert torch.equal(balance_gradients(gradients, [1.0, 1.0], same), noise(1))
    assert torch.equal(balance_gradients([noise(1), nothing], [1.0, 0.0], same), noise(1))
    assert not bool(balance_gradients([nothing, nothing], [1.0, 1.0], same).any())


def test_what_is_not_a_number_stays_visible() -> None:
    broken = noise(2)
    broken[0, 0, 0, 0] = torch.nan
    for gradients in ([broken, noise(1)], [noise(1), broken]):
        assert bool(balance_gradients(gradients, [1.0, 1.0], same)[0].isnan().any())


def test_objectives_that_ask_one_model_are_asked_at_once() -> None:
    one, other = classifier(seed=1), classifier(seed=2)
    asked = [ClassObjective(model, ((3, 1.0),)) for model in (one, other, replace(one, owner=object()))]
    groups = group_by_judge(name_objectives(asked))
    assert [[name for name, _ in group.members] for group in groups] == [
        ["class 3", "class 3 (3)"],
        ["class 3 (2)"],
    ]
    assert [group.judge and group.judge.module for group in groups] == [one.module, other.module]


def test_what_a_model_says_and_its_layers_are_asked_as_if_of_two() -> None:
    model = classifier()
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    asked = [
        ContentObjective.from_images(model, picture, "3"),
        ClassObjective(model, ((3, 1.0),)),
        FeatureObjective.from_layer(model, "1", "channel", 2),
    ]
    groups = group_by_judge(name_objectives(asked))
    assert [[name for name, _ in group.members] for group in groups] == [["content", "1 channel 2"], ["class 3"]]
    inside, outside = (group.judge for group in groups)
    assert isinstance(inside, ActivationJudge)
    assert outside is model
    assert inside.module is model.module
    assert [layer.name for layer in inside.layers] == ["3", "1"]
    ascent = Ascent(ImageStack.grey(SPEC), asked, VIEWS, steps=3)
    for step in ascent:
        assert step.record.gradient_norm > 0
    alone = next(iter(Ascent(ImageStack.grey(SPEC), asked[:1], VIEWS, steps=3)))
    assert ascent.history[0].scores["content"] == pytest.approx(alone.record.scores["content"], rel=1e-5)


class Louder(nn.Module):
    """A model whose answers are a thousand times as large."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, views: Tensor) -> Tensor:
        answer: Tensor = self.module(views) * 1000
        return answer


def ask(seed: int, target: int, weight: float = 1.0, loud: bool = False) -> ClassObjective:
    model = classifier(seed=seed)
    if loud:
        model = replace(model, module=Louder(model.module).requires_grad_(False))
    return ClassObjective(model, ((target, 1.0),), weight=weight)


def climb(*objectives: object, **settings: object) -> Ascent:
    ascent = Ascent(ImageStack.grey(SPEC), objectives, VIEWS, **{"steps": 3, **settings})  # type: ignore[arg-type]
    ascent.run()
    return ascent


def test_a_louder_model_has_no_louder_voice() -> None:
    quiet = climb(ask(1, 3), ask(2, 5)).result.image
    loud = climb(ask(1, 3), ask(2, 5, loud=True)).result.image
    torch.testing.assert_close(quiet, loud, atol=1e-4, rtol=0)


def test_sgd_keeps_the_scale_of_the_first_model() -> None:
    # A learning rate goes on meaning what it meant when a louder model joins in.
    alone = climb(ask(1, 3), optimizer=SGD(1.0), steps=1).result.stack.canvas
    joined = climb(ask(1, 3), ask(2, 5, loud=True), optimizer=SGD(1.0), steps=1).result.stack.canvas
    assert 0.5 < float(joined.norm() / alone.norm()) < 2.5


def test_weights_count_between_models() -> None:
    def gains(weight: float) -> list[float]:
        history = climb(ask(1, 3), ask(2, 5, weight), steps=15).history
        return [history[-1].scores[name] - history[0].scores[name] for name in ("class 3", "class 5")]

    even, faint = gains(1.0), gains(0.1)
    assert min(even) > 0.1
    assert faint[0] > even[0]
    assert faint[1] < even[1]


def test_the_order_of_models_does_not_matter_where_steps_have_one_size() -> None:
    # One view of everything, so that no draw depends on the number of a model.
    still = Augmentation(1, Windows(8, 1.0, 1.0, 1.0), ())
    images = []
    for asked in ([ask(1, 3), ask(2, 5, 0.5)], [ask(2, 5, 0.5), ask(1, 3)]):
        ascent = Ascent(ImageStack.grey(SPEC), asked, still, steps=3)
        ascent.run()
        images.append(ascent.result.image)
    torch.testing.assert_close(images[0], images[1], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("curve", "weights"),
    [("linear", [0.0, 0.5, 1.0, 1.5, 2.0]), ("cosine", [0.0, 0.2929, 1.0, 1.7071, 2.0]), ("step", [0, 0, 2, 2, 2])],
)
def test_a_schedule_goes_from_start_to_end(curve: str, weights: list[float]) -> None:
    scheduled = ScheduledObjective(ask(1, 3, weight=2.0), 0.0, 1.0, curve)  # type: ignore[arg-type]
    assert [scheduled.weight_at(done) for done in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(weights, abs=1e-4)
    assert (scheduled.name, scheduled.weight) == ("class 3", 2.0)
    twice = ScheduledObjective(scheduled, 1.0, 3.0)
    assert twice.weight_at(1) == pytest.approx(6.0)
    assert twice.weight_at(0.5) == pytest.approx(2 * weights[2])


def test_an_objective_that_fades_in_counts_at_the_end() -> None:
    # Both on one model: what is asked first is gone by the end.
    first = ScheduledObjective(ask(1, 3), 1.0, 0.0, "step")
    then = ScheduledObjective(replace(ask(1, 5), judge=first.objective.judge), 0.0, 1.0, "step")  # type: ignore[arg-type]
    history = climb(first, then, steps=20, optimizer=NormalizedAscent(coarse_to_fine=0), schedule="constant").history
    score = {name: [record.scores[name] for record in history] for name in ("class 3", "class 5")}
    assert score["class 3"][9] > score["class 3"][0] + 0.1
    assert score["class 5"][19] > score["class 5"][10] + 0.1


def test_an_objective_faded_out_on_its_own_model_leaves_the_other_alone() -> None:
    out = ScheduledObjective(ask(2, 5), 0.0, 0.0)
    assert out.weight == 0
    torch.testing.assert_close(climb(ask(1, 3), out).result.image, climb(ask(1, 3)).result.image)


def test_nothing_to_climb_is_named() -> None:
    with pytest.raises(AscentError, match=r"weights of all objectives are 0 at step 1.*Let a schedule start"):
        climb(ScheduledObjective(ask(1, 3), 0.0, 1.0))
    with pytest.raises(ValueError, match="the weights of all objectives are 0"):
        climb(ScheduledObjective(ask(1, 3), 0.0, 0.0))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"curve": "wave"}, "curve 'wave' is unknown; choose one of linear, cosine, step"),
        ({"start": float("nan")}, "the weight nan of the start"),
        ({"end": float("inf")}, "the weight inf of the end"),
    ],
)
def test_schedules_that_are_none_are_named(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ScheduledObjective(ask(1, 3), **settings)  # type: ignore[arg-type]


def test_objectives_of_any_kind_can_be_scheduled() -> None:
    scheduled = ScheduledObjective(Output(judge(nn.Identity())), 0.5, 1.0)
    views = torch.rand(2, 3, 16, 16)
    assert torch.equal(scheduled.score(views), views.flatten(1).mean(dim=1))
    assert scheduled.judge.name == "toy"
