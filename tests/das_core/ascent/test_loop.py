"""The loop of an ascent: what it starts from, goes on from and ends with, in one run or in pieces."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch

from ascents import assert_same, do_steps, start_ascent
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.common.interruption import interruptible
from das_core.objectives.priors import prior
from das_core.stack.decomposition import read_levels
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from stops import Stop, StopError, count_looks
from toys import SPEC, VIEWS, classifier, climb, toy_class


def test_an_ascent_is_as_long_as_its_steps_which_have_a_record_and_the_stack_after_them() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), [toy_class()], VIEWS, steps=3)
    assert len(ascent) == 3
    images = []
    for number, step in enumerate(ascent):
        assert step.record.step == number
        assert step.record.gradient_norm > 0
        assert list(step.record.scores) == ["class 3"]
        images.append(step)
    assert len(ascent) == 3 == len(images)
    # An image is rendered when asked for, even when the ascent has gone on since.
    rendered = [step.image() for step in images]
    assert not torch.equal(rendered[0], rendered[1])
    assert torch.equal(rendered[-1], ascent.result.image)
    assert [record.step for record in ascent.result.history] == [0, 1, 2]


def test_the_same_settings_give_the_same_bits_and_change_nothing_that_comes_in() -> None:
    stack = ImageStack.gray(SPEC)
    before = stack.canvas.clone()
    assert torch.equal(climb(stack, seed=7).image, climb(stack, seed=7).image)
    assert not torch.equal(climb(stack, seed=7).image, climb(stack, seed=8).image)
    assert torch.equal(stack.canvas, before)
    assert stack.steps == 0


def test_an_image_of_a_batch_does_not_depend_on_the_others() -> None:
    alone = climb(ImageStack.gray(SPEC, 1)).image
    among = climb(ImageStack.gray(SPEC, 3)).image
    torch.testing.assert_close(among[:1], alone, rtol=0, atol=1e-4)
    assert (among[0] - among[1]).abs().max() > 0.01


@each_case(
    "optimizer, method", product([NormalizedAscent(0.05, 0.5, 0.0, 0.0), SGD(0.5, 0.9), Adam()], ["spectral", "layers"])
)
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


@each_case("optimizer", [NormalizedAscent(0.05, 0.5, 0.6), SGD(0.5, 0.9), Adam()])
def test_a_function_is_a_schedule(optimizer: Optimizer) -> None:
    constant = climb(steps=4, optimizer=optimizer, schedule="constant")
    assert torch.equal(climb(steps=4, optimizer=optimizer, schedule=lambda progress: 1).image, constant.image)
    asked: list[float] = []

    def stop_halfway(progress: float) -> float:
        asked.append(progress)
        return 1.0 if progress < 0.5 else 0.0

    ascent = Ascent(
        ImageStack.gray(SPEC), toy_class(), VIEWS, steps=4, optimizer=optimizer, schedule=stop_halfway,
        denoising=None,
    )  # fmt: skip
    images = [step.image() for step in ascent]
    assert asked[-4:] == [step / 3 for step in range(4)]
    assert not torch.equal(images[0], images[1])
    assert torch.equal(images[1], images[2])
    assert torch.equal(images[1], images[3])


def test_another_optimizer_can_go_on() -> None:
    stack = climb(optimizer=NormalizedAscent()).stack
    stack = climb(stack, optimizer=Adam()).stack
    stack = climb(stack, optimizer=SGD(0.1, 0.9)).stack
    result = climb(stack, optimizer=NormalizedAscent())
    assert result.stack.steps == 20
    assert torch.isfinite(result.image).all()


def test_a_result_is_that_of_the_steps_that_are_done_when_it_is_asked_for() -> None:
    start = ImageStack.noise(SPEC, 2)
    result = Ascent(start, [toy_class()], VIEWS).result
    assert torch.equal(result.image, start.image())
    assert result.history == ()
    assert result.stack.steps == 0
    broken_off = Ascent(ImageStack.gray(SPEC), [toy_class()], VIEWS)
    do_steps(broken_off, 3)
    assert broken_off.result.stack.steps == 3
    ascent = start_ascent()
    do_steps(ascent, 2)
    early = ascent.result
    ascent.run()
    assert len(early.history) == 2
    assert early.stack.steps == 2
    assert not torch.equal(early.image, ascent.result.image)


def test_run_does_what_iterations_do_and_returns_the_result() -> None:
    ascent, iterated, renewed = start_ascent(), start_ascent(), start_ascent(steps=3)
    result = ascent.run()
    assert_same(result, ascent.result)
    assert result.stack is ascent.stack
    assert [record.step for record in result.history] == [0, 1, 2, 3, 4]
    steps = list(iterated)
    assert_same(result, iterated.result)
    assert [step.record for step in steps] == iterated.history
    assert steps[-1].stack is iterated.stack
    # A new iterator is not a new ascent.
    assert [next(iter(renewed)).record.step for _ in range(3)] == [0, 1, 2]
    assert_same(renewed.result, start_ascent(steps=3).run())


@each_case(
    "optimizer, pieces",
    product(
        [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(0.5, 0.9), Adam()], [(1,), (4,), (2, 1), (1, 1, 1, 1)]
    ),
)
def test_a_broken_off_iteration_goes_on_bit_for_bit_until_there_is_nothing_left_to_do(
    optimizer: Optimizer, pieces: tuple[int, ...]
) -> None:
    whole, again, run = (start_ascent(optimizer) for _ in range(3))
    through = whole.run()
    for count in pieces:
        do_steps(again, count)
        do_steps(run, count)
    rest = list(again)
    assert [step.record.step for step in rest] == list(range(sum(pieces), 5))
    assert_same(again.result, through)
    assert_same(run.run(), through)
    for ascent in (whole, again, run):
        last = ascent.stack
        assert list(ascent) == []
        assert_same(ascent.run(), through)
        assert len(ascent.history) == 5
        assert ascent.stack is last
    assert whole.stack is through.stack


def test_the_judges_are_those_of_all_groups_without_the_picture_itself() -> None:
    first, second = toy_class(), toy_class(seed=1)
    ascent = Ascent(ImageStack.gray(SPEC), [prior(), first, second, 0.5 * first], VIEWS)
    assert [judge.module for judge in ascent.judges] == [one.terms[0].judge.module for one in (first, second)]  # type: ignore[union-attr]
    assert Ascent(ImageStack.gray(SPEC), [prior()], VIEWS).judges == []


def test_views_without_windows_of_their_own_reach_as_far_as_any_margin() -> None:
    stack = ImageStack.gray(StackSpec(32, 32, 5))
    ascent = Ascent(stack, [toy_class()])
    assert ascent.augmentation.windows.reach((42, 42), 5) == Windows(5).reach((42, 42), 5) == (0, 0, 42, 42)
    Ascent(stack, toy_class(), Augmentation(views=2), steps=1).run()


@each_case(
    ("settings", "says"),
    [
        ({"steps": 0}, "steps 0"),
        ({"chunk": -1}, "chunk -1"),
        ({"seed": -1}, "seed -1"),
        ({"objectives": [toy_class(weight=0.0)]}, "weights of all objectives are 0"),
        ({"augmentation": Augmentation(windows=Windows(9))}, "jitter 9 reaches past the margin of 8"),
        ({"objectives": []}, "no objective is given"),
        *(
            ({"objectives": wrong}, "is no objective; make one, such as class_objective")
            for wrong in ("jellyfish", ["jellyfish"], None, classifier())
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"objectives": [toy_class()], "augmentation": VIEWS}
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.gray(SPEC), **given | settings)


def test_one_objective_needs_no_list_and_a_device_may_be_named() -> None:
    one = Ascent(ImageStack.gray(SPEC), toy_class(), VIEWS, steps=1, device="cpu").run()
    assert torch.equal(one.image, climb(steps=1).image)


def test_what_is_printed_of_things_is_short() -> None:
    result = climb(steps=1)
    for thing in (classifier(), toy_class(), result.stack, result, Ascent(result.stack, toy_class())):
        assert len(repr(thing)) < 250


def test_a_step_that_is_ended_anywhere_has_done_nothing() -> None:
    whole = Ascent(ImageStack.gray(SPEC), [toy_class()], VIEWS, steps=3, chunk=2).run()
    ascent = Ascent(ImageStack.gray(SPEC), [toy_class()], VIEWS, steps=3, chunk=2)
    next(iter(ascent))
    # Of another ascent, whose first step has filled the caches.
    other = Ascent(ascent.stack, [toy_class()], VIEWS, steps=1, chunk=2)
    step = count_looks(lambda: next(iter(other)))
    for at in (1, step // 3, step // 2, step - 1):
        with pytest.raises(StopError), interruptible(Stop(at)):
            ascent.run()
        assert (len(ascent.history), ascent.stack.steps, ascent.chunk) == (1, 1, 2)
    assert torch.equal(ascent.run().image, whole.image)
