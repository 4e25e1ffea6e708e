"""The loop of an ascent: what it starts from, goes on from and ends with, and what it does when memory runs out."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import AscentError, Result, make_importance_mask, measure_gradient_strength
from das_core.ascent.sgd import SGD
from das_core.models.sources.starters import load_starter
from das_core.objectives.classes import ClassObjective
from das_core.objectives.prior import Prior
from das_core.objectives.track import make_tracks
from das_core.stack.decomposition import read_levels
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, Output, class_objective, classifier, climb, judge


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
@pytest.mark.parametrize(
    "optimizer", [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(1.0), SGD(0.3, 0.9), Adam()]
)
def test_the_score_rises(method: str, optimizer: Optimizer) -> None:
    stack = ImageStack.gray(replace(SPEC, method=method))  # type: ignore[type-var]
    history = climb(stack, optimizer=optimizer, steps=12).history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"] + 0.1


def test_every_step_has_a_record_and_the_stack_after_it() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), [class_objective()], VIEWS, steps=3)
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


def test_an_image_of_a_batch_does_not_depend_on_the_others() -> None:
    alone = climb(ImageStack.gray(SPEC, 1)).image
    among = climb(ImageStack.gray(SPEC, 3)).image
    torch.testing.assert_close(among[:1], alone, rtol=0, atol=1e-4)
    assert (among[0] - among[1]).abs().max() > 0.01


def test_nothing_that_comes_in_is_changed() -> None:
    stack = ImageStack.gray(SPEC)
    before = stack.canvas.clone()
    climb(stack)
    assert torch.equal(stack.canvas, before)
    assert stack.steps == 0


@pytest.mark.parametrize("optimizer", [NormalizedAscent(0.05, 0.5, 0.0, 0.0), SGD(0.5, 0.9), Adam()])
@pytest.mark.parametrize("method", ["spectral", "exact"])
def test_an_ascent_can_be_continued_bit_for_bit(optimizer: Optimizer, method: str) -> None:
    start = ImageStack.gray(replace(SPEC, method=method))  # type: ignore[type-var]
    steady: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant", "focus": None}
    steady["denoising"] = Denoising(strength=0.05, end=0.05)
    through = climb(start, steps=6, **steady)
    half = climb(start, steps=3, **steady)
    rest = climb(half.stack, steps=3, **steady)
    assert torch.equal(rest.image, through.image)
    assert [record.step for record in rest.history] == [3, 4, 5]
    for part, whole in zip(read_levels(rest.stack), read_levels(through.stack), strict=True):
        assert torch.equal(part, whole)


@pytest.mark.parametrize("optimizer", [NormalizedAscent(0.05, 0.5, 0.6), SGD(0.5, 0.9), Adam()])
def test_a_function_is_a_schedule(optimizer: Optimizer) -> None:
    constant = climb(steps=4, optimizer=optimizer, schedule="constant")
    assert torch.equal(climb(steps=4, optimizer=optimizer, schedule=lambda progress: 1).image, constant.image)
    asked: list[float] = []

    def stop_halfway(progress: float) -> float:
        asked.append(progress)
        return 1.0 if progress < 0.5 else 0.0

    ascent = Ascent(
        ImageStack.gray(SPEC), class_objective(), VIEWS, steps=4, optimizer=optimizer, schedule=stop_halfway,
        denoising=None,
    )  # fmt: skip
    images = [step.image() for step in ascent]
    assert asked[-4:] == [step / 3 for step in range(4)]
    assert not torch.equal(images[0], images[1])
    assert torch.equal(images[1], images[2])
    assert torch.equal(images[1], images[3])


def test_half_the_rate_is_half_the_learning_rate() -> None:
    half = climb(steps=3, optimizer=SGD(0.5), schedule=lambda progress: 0.5)
    torch.testing.assert_close(half.image, climb(steps=3, optimizer=SGD(0.25), schedule="constant").image)


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
    stack = climb(ImageStack.gray(spec), optimizer=optimizer).stack
    summed = spec.operator(torch.device("cpu"), "layers").forward(LevelTensors(read_levels(stack)))
    torch.testing.assert_close(summed, stack.canvas - stack.start, rtol=1e-3, atol=1e-4)


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
    ascent = Ascent(ImageStack.gray(SPEC), [ClassObjective(tight, ((3, 1.0),))], VIEWS, steps=2)
    image = [step.image() for step in ascent][-1]
    assert sizes[0] == 4
    assert max(sizes[1:]) <= 3
    assert ascent.chunk <= 3
    torch.testing.assert_close(image, climb(steps=2).image, rtol=0, atol=1e-4)


CPU_ERROR = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("out"), RuntimeError(CPU_ERROR), MemoryError()], ids=type)
def test_out_of_memory_with_a_single_view_is_raised(error: Exception) -> None:
    class Full(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            raise error

    with pytest.raises(torch.OutOfMemoryError, match="memory ran out at step 1, with one view at a time: make"):
        next(iter(Ascent(ImageStack.gray(SPEC), [Output(judge(Full()))], VIEWS)))


@dataclass(frozen=True)
class Greedy(NormalizedAscent):
    """An optimizer that finds no memory the first few times."""

    failures: list[int] = field(default_factory=list)

    def step(self, *arguments: Any, **more: Any) -> ImageStack:
        if self.failures and self.failures.pop():
            raise RuntimeError(CPU_ERROR)
        return super().step(*arguments, **more)


def test_a_step_is_done_again_when_the_optimizer_runs_out_of_memory() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), [class_objective()], VIEWS, steps=2, optimizer=Greedy(failures=[1, 1]))
    result = ascent.run()
    assert ascent.chunk == 1
    assert [record.step for record in result.history] == [0, 1]
    torch.testing.assert_close(result.image, climb(steps=2, chunk=1).image)


def test_another_error_is_not_taken_for_memory() -> None:
    class Broken(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        next(iter(Ascent(ImageStack.gray(SPEC), [Output(judge(Broken()))], VIEWS)))


def test_an_ascent_that_is_broken_off_keeps_what_it_has() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), [class_objective()], VIEWS)
    for step in ascent:
        if step.record.step == 2:
            break
    assert ascent.result.stack.steps == 3


def test_before_the_first_step_the_result_is_the_start() -> None:
    start = ImageStack.noise(SPEC, 2)
    result = Ascent(start, [class_objective()], VIEWS).result
    assert torch.equal(result.image, start.image())
    assert result.history == ()
    assert result.stack.steps == 0


def assert_same(one: Result, other: Result) -> None:
    """Every bit of two results is the same, also what the next ascent would go on from."""
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.importance, other.importance)
    assert one.history == other.history
    assert one.stack.steps == other.stack.steps
    assert torch.equal(one.stack.canvas, other.stack.canvas)
    for mine, yours in (
        (one.stack.parameters, other.stack.parameters),
        (one.stack.optimizer_state, other.stack.optimizer_state),
    ):
        assert (mine is None) == (yours is None)
        if mine is not None and yours is not None:
            assert all(torch.equal(a, b) for a, b in zip(mine.tensors, yours.tensors, strict=True))


def start_ascent(optimizer: Optimizer | None = None, steps: int = 5) -> Ascent:
    """An ascent with a part from coarse to fine and steps that become smaller, where the number of the step matters."""
    stack, objectives, denoising = ImageStack.noise(SPEC, 2), [class_objective()], Denoising(strength=0.1)
    return Ascent(stack, objectives, VIEWS, steps=steps, optimizer=optimizer, seed=3, denoising=denoising)


def do_steps(ascent: Ascent, count: int) -> None:
    """Iterate, and break the iteration off after some steps."""
    done = 0
    for _ in ascent:
        done += 1
        if done == count:
            break
    assert done == count


OPTIMIZERS = [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(0.5, 0.9), Adam()]


def test_run_returns_the_result() -> None:
    ascent = start_ascent()
    result = ascent.run()
    assert_same(result, ascent.result)
    assert result.stack is ascent.stack
    assert [record.step for record in result.history] == [0, 1, 2, 3, 4]


def test_run_does_what_an_iteration_does() -> None:
    iterated = start_ascent()
    steps = list(iterated)
    assert_same(start_ascent().run(), iterated.result)
    assert [step.record for step in steps] == iterated.history
    assert steps[-1].stack is iterated.stack


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("pieces", [(1,), (4,), (2, 1), (1, 1, 1, 1)])
def test_an_iteration_that_was_broken_off_goes_on_bit_for_bit(optimizer: Optimizer, pieces: tuple[int, ...]) -> None:
    through = start_ascent(optimizer).run()
    again, run = start_ascent(optimizer), start_ascent(optimizer)
    for count in pieces:
        do_steps(again, count)
        do_steps(run, count)
    rest = list(again)
    assert [step.record.step for step in rest] == list(range(sum(pieces), 5))
    assert_same(again.result, through)
    assert_same(run.run(), through)


def test_a_new_iterator_is_not_a_new_ascent() -> None:
    ascent = start_ascent(steps=3)
    assert [next(iter(ascent)).record.step for _ in range(3)] == [0, 1, 2]
    assert_same(ascent.result, start_ascent(steps=3).run())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_after_the_last_step_there_is_nothing_left_to_do(optimizer: Optimizer) -> None:
    ascent = start_ascent(optimizer)
    first = ascent.run()
    assert list(ascent) == []
    assert_same(ascent.run(), first)
    assert len(ascent.history) == 5
    assert ascent.stack is first.stack


def test_what_is_done_with_a_result_is_not_done_to_the_ascent() -> None:
    ascent = start_ascent()
    do_steps(ascent, 2)
    early = ascent.result
    ascent.run()
    assert len(early.history) == 2
    assert early.stack.steps == 2
    assert not torch.equal(early.image, ascent.result.image)


class Recording(NormalizedAscent):
    """An optimizer that keeps the gradients it is given."""

    gradients: ClassVar[list[Tensor]] = []

    def step(self, stack: ImageStack, gradient: Tensor, *more: Any) -> ImageStack:
        self.gradients.append(gradient)
        return super().step(stack, gradient, *more)


def test_importance_counts_the_gradients_of_all_steps_without_the_margin() -> None:
    Recording.gradients.clear()
    importance = start_ascent(Recording()).run().importance
    assert len(Recording.gradients) == 5
    strength = torch.stack([measure_gradient_strength(gradient) for gradient in Recording.gradients]).sum(dim=0)
    torch.testing.assert_close(importance, make_importance_mask(strength[:, 8:-8, 8:-8]))


class Breaking(nn.Module):
    """A network whose answer is multiplied by a factor at call 3, and at all later calls unless it is mended then."""

    def __init__(self, network: nn.Module, factor: float, mended: bool = True) -> None:
        super().__init__()
        self.network, self.factor, self.mended, self.calls = network, factor, mended, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        answer: Tensor = self.network(views)
        broken = self.calls == 3 if self.mended else self.calls >= 3
        return answer * self.factor if broken else answer


def breaking_ascent(factor: float, mended: bool = True) -> Ascent:
    network = classifier()
    model = replace(network, module=Breaking(network.module, factor, mended))
    # All views of both images in one chunk, so that a step is one call.
    return Ascent(ImageStack.noise(SPEC, 2), [ClassObjective(model, ((3, 1.0),))], VIEWS, steps=5, seed=3, chunk=12)


def sound_ascent(steps: int) -> Ascent:
    return Ascent(ImageStack.noise(SPEC, 2), [class_objective()], VIEWS, steps=steps, seed=3, chunk=12)


@pytest.mark.parametrize("factor", [float("nan"), 0.0])
def test_after_an_error_the_result_is_the_last_good_one(factor: float) -> None:
    ascent = breaking_ascent(factor, mended=False)
    with pytest.raises(AscentError, match="at step 3"):
        ascent.run()
    sound = sound_ascent(5)
    do_steps(sound, 2)
    assert_same(ascent.result, sound.result)
    # The step that failed is done again, and fails again.
    with pytest.raises(AscentError, match="at step 3"):
        ascent.run()
    assert_same(ascent.result, sound.result)


@pytest.mark.parametrize("factor", [float("nan"), 0.0])
def test_an_ascent_goes_on_after_an_error_once_its_cause_is_gone(factor: float) -> None:
    ascent = breaking_ascent(factor)
    with pytest.raises(AscentError, match="at step 3"):
        ascent.run()
    assert_same(ascent.run(), sound_ascent(5).run())


@dataclass(frozen=True)
class Overflowing(NormalizedAscent):
    """An optimizer whose third step leads out of the numbers there are."""

    def step(self, stack: ImageStack, *arguments: Any) -> ImageStack:
        moved = super().step(stack, *arguments)
        return replace(moved, canvas=moved.canvas * math.inf) if stack.steps == 2 else moved


@pytest.mark.parametrize("steps", [3, 5], ids=["the last", "not the last"])
def test_a_step_that_leads_to_no_picture_is_refused_and_the_one_before_is_kept(steps: int) -> None:
    ascent = start_ascent(Overflowing(), steps=steps)
    with pytest.raises(AscentError, match=r"step 3 led to a picture that is not a number; .* that of step 2\."):
        ascent.run()
    sound = start_ascent(NormalizedAscent(), steps=steps)
    do_steps(sound, 2)
    assert_same(ascent.result, sound.result)


def test_the_judges_are_those_of_all_groups_without_the_picture_itself() -> None:
    first, second = class_objective(), class_objective(seed=1)
    ascent = Ascent(ImageStack.gray(SPEC), [Prior(), first, second, replace(first, weight=0.5)], VIEWS)
    assert [judge.module for judge in ascent.judges] == [first.judge.module, second.judge.module]
    assert Ascent(ImageStack.gray(SPEC), [Prior()], VIEWS).judges == []


def test_without_an_augmentation_views_reach_as_far_as_the_margin() -> None:
    ascent = Ascent(ImageStack.gray(StackSpec(32, 32, 5)), [class_objective()])
    assert ascent.augmentation.windows.reach((42, 42), 5) == Windows(5).reach((42, 42), 5) == (0, 0, 42, 42)


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
def test_settings_out_of_range_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        climb(**settings)


def test_an_ascent_without_objectives_is_refused() -> None:
    with pytest.raises(ValueError, match="no objective is given"):
        Ascent(ImageStack.gray(SPEC), [])


def test_one_objective_needs_no_list_and_a_device_may_be_named() -> None:
    one = Ascent(ImageStack.gray(SPEC), class_objective(), VIEWS, steps=1, device="cpu").run()
    assert torch.equal(one.image, climb(steps=1).image)


@pytest.mark.parametrize("objectives", ["jellyfish", ["jellyfish"], None, classifier()])
def test_what_is_no_objective_is_named(objectives: Any) -> None:
    with pytest.raises(ValueError, match=r"is no objective; make one, such as ClassObjective"):
        Ascent(ImageStack.gray(SPEC), objectives)


def test_an_augmentation_of_few_views_goes_with_any_margin() -> None:
    Ascent(ImageStack.gray(StackSpec(32, 32, 5)), class_objective(), Augmentation(views=2), steps=1).run()


def test_what_is_printed_of_things_is_short() -> None:
    result = climb(steps=1)
    for thing in (classifier(), class_objective(), result.stack, result, Ascent(result.stack, class_objective())):
        assert len(repr(thing)) < 250


def test_its_length_is_the_number_of_its_steps() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), class_objective(), VIEWS, steps=3)
    assert len(ascent) == 3 == len(list(ascent)) == len(ascent)


def test_a_real_model_goes_over_from_one_class_to_another() -> None:
    """Six frames share out six views a step."""
    model = load_starter()
    tracks = make_tracks("0: castle / 5: goldfish", lambda name: ClassObjective(model, name))
    stack = ImageStack.gray(StackSpec(64, 64, 16, time=Time(6)))
    views = Augmentation(6, Windows(fitted=True))
    result = Ascent(stack, tracks, views, steps=8, optimizer=NormalizedAscent(0.2)).run()
    logits = model(F.interpolate(result.image, size=model.size, mode="bilinear"))
    castle, goldfish = (logits[:, model.labels.find(name)] for name in ("castle", "goldfish"))
    leaning = goldfish - castle
    assert float(leaning[-1] - leaning[0]) > 1
    assert list(result.history[-1].scores) == ["castle", "goldfish"]
    steps = result.image.diff(dim=0).abs().mean(dim=(1, 2, 3))
    assert float(steps.max()) < 0.7 * float((result.image[0] - result.image[-1]).abs().mean())


@pytest.mark.parametrize("method", ["spectral", "exact"])
@pytest.mark.parametrize("loop", [False, True])
def test_what_a_film_has_accumulated_stays_true(method: str, loop: bool) -> None:
    spec = replace(SPEC, method=method, time=Time(5, loop=loop))  # type: ignore[arg-type]
    tracks = make_tracks({0: 3, 2: 5}, lambda number: class_objective(number))
    views = replace(VIEWS, views=3)
    ascent = Ascent(
        ImageStack.noise(spec), tracks, views, steps=4, optimizer=SGD(0.02, 0.5), focus=None, denoising=None
    )
    summed = torch.zeros(5, 3, *spec.canvas)
    operator = spec.operator(torch.device("cpu"))
    for step in ascent:
        stack = step.stack
        assert stack.parameters is not None
        torch.testing.assert_close(stack.start + operator.forward(stack.parameters), stack.canvas)
        summed = stack.parameters.tensors[0]
    # A view shows three of the five frames in a step; after four steps every frame has had its turn.
    assert all(bool(frame.any()) for frame in summed)


def test_the_step_of_a_film_has_one_size_over_all_frames() -> None:
    spec = replace(SPEC, time=Time(6))
    start = ImageStack.noise(spec)
    tracks = make_tracks({0: 3, 5: 5}, lambda number: class_objective(number))
    optimizer = NormalizedAscent(0.05)
    after = Ascent(start, tracks, VIEWS, steps=1, optimizer=optimizer, denoising=None).run().stack
    change = (after.canvas - start.canvas).square()
    torch.testing.assert_close(change.mean(dim=(0, 2, 3)).sqrt(), torch.full((3,), 0.05), rtol=1e-4, atol=1e-6)
    sizes = change.mean(dim=(1, 2, 3))
    assert float(sizes.max() / sizes.min()) > 1.1


def test_a_film_that_nothing_moves_ends_with_a_message() -> None:
    spec = replace(SPEC, time=Time(3))
    with pytest.raises(AscentError, match="the gradient of 'total variation' vanished at step 1"):
        Ascent(ImageStack.gray(spec), Prior("total_variation")).run()
