from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import SPEC, VIEWS, Output, class_objective, classifier, climb, judge

from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD, Adam, NormalizedAscent, Optimizer
from das_core.ascent.result import AscentError
from das_core.objectives.classes import ClassObjective
from das_core.stack.decomposition import read_levels
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Flip, Noise
from das_core.views.windows import Windows


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
@pytest.mark.parametrize(
    "optimizer", [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(1.0), SGD(0.3, 0.9), Adam()]
)
def test_the_score_rises(method: str, optimizer: Optimizer) -> None:
    stack = ImageStack.grey(replace(SPEC, method=method))  # type: ignore[type-var]
    history = climb(stack, optimizer=optimizer, steps=12).history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"] + 0.1


def test_every_step_tells_what_it_did() -> None:
    ascent = Ascent(ImageStack.grey(SPEC), [class_objective()], VIEWS, steps=3)
    images = []
    for number, step in enumerate(ascent):
        assert step.record.step == number
        assert step.record.gradient_norm > 0
        assert list(step.record.scores) == ["class 3"]
        images.append(step)
    # An image is rendered when asked for, even when the ascent has gone on since.
    rendered = [step.image() for step in images]
    assert not torch.equal(rendered[0], rendered[1])
    assert torch.equal(rendered[-1], ascent.result.image)
    assert [record.step for record in ascent.result.history] == [0, 1, 2]


def test_the_same_settings_give_the_same_bits() -> None:
    assert torch.equal(climb(seed=7).image, climb(seed=7).image)
    assert not torch.equal(climb(seed=7).image, climb(seed=8).image)


@pytest.mark.parametrize("chunk", [1, 5, 0])
def test_chunks_change_nothing_but_rounding(chunk: int) -> None:
    stack = ImageStack.grey(SPEC, 2)
    whole = Ascent(stack, [class_objective()], VIEWS, chunk=12)
    parts = Ascent(stack, [class_objective()], VIEWS, chunk=chunk)
    first = next(iter(whole))
    again = next(iter(parts))
    assert again.record.gradient_norm == pytest.approx(first.record.gradient_norm, rel=1e-5)
    difference = (again.stack.canvas - first.stack.canvas).norm() / first.stack.canvas.norm()
    assert difference < 1e-5


def test_an_image_of_a_batch_does_not_depend_on_the_others() -> None:
    alone = climb(ImageStack.grey(SPEC, 1)).image
    among = climb(ImageStack.grey(SPEC, 3)).image
    torch.testing.assert_close(among[:1], alone, rtol=0, atol=1e-4)
    assert (among[0] - among[1]).abs().max() > 0.01


def test_nothing_that_comes_in_is_changed() -> None:
    stack = ImageStack.grey(SPEC)
    before = stack.canvas.clone()
    climb(stack)
    assert torch.equal(stack.canvas, before)
    assert stack.steps == 0


@pytest.mark.parametrize("optimizer", [NormalizedAscent(0.05, 0.5, 0.0), SGD(0.5, 0.9), Adam()])
@pytest.mark.parametrize("method", ["spectral", "exact"])
def test_an_ascent_can_be_continued_bit_for_bit(optimizer: Optimizer, method: str) -> None:
    start = ImageStack.grey(replace(SPEC, method=method))  # type: ignore[type-var]
    through = climb(start, steps=6, optimizer=optimizer, schedule="constant")
    half = climb(start, steps=3, optimizer=optimizer, schedule="constant")
    rest = climb(half.stack, steps=3, optimizer=optimizer, schedule="constant")
    assert torch.equal(rest.image, through.image)
    assert [record.step for record in rest.history] == [3, 4, 5]
    for part, whole in zip(read_levels(rest.stack), read_levels(through.stack), strict=True):
        assert torch.equal(part, whole)


def test_another_optimizer_can_go_on() -> None:
    stack = climb(optimizer=NormalizedAscent()).stack
    stack = climb(stack, optimizer=Adam()).stack
    stack = climb(stack, optimizer=SGD(0.1, 0.9)).stack
    result = climb(stack, optimizer=NormalizedAscent())
    assert result.stack.steps == 20
    assert torch.isfinite(result.image).all()


@pytest.mark.parametrize("optimizer", [NormalizedAscent(), SGD(0.5), Adam()])
@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
def test_every_level_can_be_read_out(optimizer: Optimizer, method: str) -> None:
    spec = StackSpec(32, 32, 8, levels=(1, 2, 7, 20, 48), method=method)  # type: ignore[arg-type]
    stack = climb(ImageStack.grey(spec), optimizer=optimizer).stack
    summed = spec.operator(torch.device("cpu"), "layers").forward(LevelTensors(read_levels(stack)))
    torch.testing.assert_close(summed, stack.canvas - stack.start, rtol=1e-3, atol=1e-4)


def test_objectives_add_up_with_their_weights() -> None:
    def gradient(*asked: ClassObjective) -> Tensor:
        stack = ImageStack.grey(SPEC)
        ascent = Ascent(stack, asked, VIEWS, optimizer=SGD(1.0), schedule="constant")
        return next(iter(ascent)).stack.canvas

    same = class_objective(3).judge
    first = ClassObjective(same, ((3, 1.0),))
    second = ClassObjective(same, ((5, 1.0),), weight=-0.5)
    torch.testing.assert_close(gradient(first, second), gradient(first) + gradient(second), rtol=1e-4, atol=1e-3)


def test_every_model_sees_views_of_its_own_and_objectives_of_one_model_share_them() -> None:
    calls: list[Tensor] = []

    class Watched(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            calls.append(views.detach().clone())
            return views

    one, other = judge(Watched()), judge(Watched(), size=24)
    asked = [Output(one, "a"), Output(other, "b"), Output(one, "c")]
    next(iter(Ascent(ImageStack.grey(SPEC), asked, VIEWS, chunk=6)))
    assert [tuple(views.shape[2:]) for views in calls] == [(16, 16), (24, 24)]


def test_objectives_of_one_name_are_told_apart() -> None:
    history = climb(objectives=[class_objective(3), class_objective(3, 0.5), class_objective(4)]).history
    assert list(history[0].scores) == ["class 3", "class 3 (2)", "class 4"]


def test_chunk_is_halved_when_memory_runs_out() -> None:
    sizes: list[int] = []
    network = classifier()

    class Tight(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            sizes.append(len(views))
            if len(views) > 3:
                raise torch.OutOfMemoryError("out of memory")
            output: Tensor = network.module(views)
            return output

    tight = replace(network, module=Tight())
    ascent = Ascent(ImageStack.grey(SPEC), [ClassObjective(tight, ((3, 1.0),))], VIEWS, steps=2)
    image = [step.image() for step in ascent][-1]
    assert sizes[0] == 4
    assert max(sizes[1:]) <= 3
    assert ascent.chunk <= 3
    torch.testing.assert_close(image, climb(steps=2).image, rtol=0, atol=1e-4)


def test_out_of_memory_with_a_single_view_is_raised() -> None:
    class Full(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        next(iter(Ascent(ImageStack.grey(SPEC), [Output(judge(Full()))], VIEWS)))


class BreaksAt(nn.Module):
    """Answers with its views until call number `call`, then with views times `factor`."""

    def __init__(self, call: int, factor: float) -> None:
        super().__init__()
        self.call, self.factor, self.calls = call, factor, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        return views * self.factor if self.calls == self.call else views


@pytest.mark.parametrize(
    ("factor", "says"), [(float("nan"), "'broken' is not a number at step 3"), (0.0, "'broken' vanished at step 3")]
)
def test_a_gradient_that_breaks_down_is_named_and_the_last_good_image_kept(factor: float, says: str) -> None:
    asked = [Output(judge(BreaksAt(3, factor)), "broken")]
    ascent = Ascent(ImageStack.grey(SPEC), asked, VIEWS, chunk=6)
    images: list[Tensor] = []
    with pytest.raises(AscentError, match=says) as error:
        images.extend(step.image() for step in ascent)
    assert "the last good image is that of step 2" in str(error.value)
    assert len(ascent.result.history) == 2
    assert torch.isfinite(ascent.result.image).all()


def test_a_judge_that_does_not_look_is_named() -> None:
    class Blind(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return torch.ones(len(views), 1)

    with pytest.raises(AscentError, match="'output' vanished at step 1"):
        next(iter(Ascent(ImageStack.grey(SPEC), [Output(judge(Blind()))], VIEWS)))


def test_the_broken_objective_is_the_one_that_is_named() -> None:
    asked = [class_objective(), Output(judge(BreaksAt(1, float("nan"))), "broken")]
    with pytest.raises(AscentError, match="gradient of 'broken' is"):
        next(iter(Ascent(ImageStack.grey(SPEC), asked, VIEWS)))


def test_an_ascent_that_is_broken_off_keeps_what_it_has() -> None:
    ascent = Ascent(ImageStack.grey(SPEC), [class_objective()], VIEWS)
    for step in ascent:
        if step.record.step == 2:
            break
    assert ascent.result.stack.steps == 3


def test_without_an_augmentation_views_reach_as_far_as_the_margin() -> None:
    ascent = Ascent(ImageStack.grey(StackSpec(32, 32, 5)), [class_objective()])
    assert ascent.augmentation == Augmentation(16, Windows(5), (Flip(), Noise()))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "steps 0"),
        ({"chunk": -1}, "chunk -1"),
        ({"seed": -1}, "seed -1"),
        ({"objectives": [class_objective(weight=0.0)]}, "weights of all objectives are 0"),
        ({"augmentation": Augmentation(windows=Windows(9))}, "jitter 9 reaches past the margin of 8"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        climb(**settings)


def test_no_objective_is_named() -> None:
    with pytest.raises(ValueError, match="no objective is connected"):
        Ascent(ImageStack.grey(SPEC), [])
