"""The loop of an ascent: what it starts from, goes on from and ends with, in one run, in pieces or in any mode."""

from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from ascents import STEADY, assert_same, do_steps, start_ascent
from cases import each_case
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.preparation import describe_mismatch
from das_core.common.interruption import interruptible
from stops import Stop, StopError, count_looks
from toys import SPEC, VIEWS, classifier, climb, judge, output_objective, toy_class


def test_an_ascent_is_as_long_as_its_steps_which_have_a_record_and_the_stack_after_them() -> None:
    ascent = start_ascent(steps=3)
    steps = list(ascent)
    assert len(ascent) == len(steps) == 3
    assert [step.record.step for step in steps] == [0, 1, 2]
    assert all(step.record.gradient_norm > 0 for step in steps)
    assert [step.record for step in steps] == ascent.history
    # An image is rendered when asked for, even when the ascent has gone on since.
    assert not torch.equal(steps[0].image(), steps[1].image())
    assert torch.equal(steps[-1].image(), ascent.result.image)


def test_the_same_settings_give_the_same_bits_and_change_nothing_that_comes_in() -> None:
    stack = da.ImageStack.gray(SPEC)
    before = stack.canvas.clone()
    first, again, other = (climb(stack, seed=seed, steps=2).image for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(stack.canvas, before)
    assert stack.steps == 0


def test_an_image_of_a_batch_does_not_depend_on_the_others() -> None:
    alone, among = (climb(da.ImageStack.gray(SPEC, batch)).image for batch in (1, 3))
    torch.testing.assert_close(among[:1], alone, rtol=0, atol=1e-4)
    assert (among[0] - among[1]).abs().max() > 0.01


@each_case("optimizer", *STEADY)
def test_a_function_is_a_schedule(optimizer: Optimizer) -> None:
    asked: list[float] = []

    def stop_halfway(progress: float) -> float:
        asked.append(progress)
        return 1.0 if progress < 0.5 else 0.0

    def show(schedule: Any) -> list[Tensor]:
        settings: dict[str, Any] = {"steps": 4, "optimizer": optimizer, "denoising": None}
        ascent = da.Ascent(da.ImageStack.gray(SPEC), toy_class(), VIEWS, schedule=schedule, **settings)
        return [step.image() for step in ascent]

    halted, steady = show(stop_halfway), show("constant")
    assert asked[-4:] == [step / 3 for step in range(4)]
    assert torch.equal(halted[1], steady[1])
    assert torch.equal(halted[1], halted[3])


def test_another_optimizer_can_go_on() -> None:
    stack = da.ImageStack.gray(SPEC)
    for optimizer in (
        da.ascent.NormalizedAscent(),
        da.ascent.Adam(),
        da.ascent.SGD(0.1, 0.9),
        da.ascent.NormalizedAscent(),
    ):
        stack = climb(stack, optimizer=optimizer, steps=2).stack
    assert stack.steps == 8
    assert torch.isfinite(stack.canvas).all()


def test_a_result_is_that_of_the_steps_that_are_done_when_it_is_asked_for() -> None:
    ascent = start_ascent()
    assert torch.equal(ascent.result.image, da.ImageStack.noise(SPEC, 2).image())
    assert (ascent.result.history, ascent.result.stack.steps) == ((), 0)
    do_steps(ascent, 2)
    early = ascent.result
    ascent.run()
    assert (len(early.history), early.stack.steps) == (2, 2)
    assert not torch.equal(early.image, ascent.result.image)


@each_case(
    "optimizer, pieces",
    *product([da.ascent.NormalizedAscent(), da.ascent.SGD(0.5, 0.9), da.ascent.Adam()], [(2, 1), (1, 1, 1, 1)]),
)
def test_a_broken_off_iteration_goes_on_bit_for_bit_to_its_end(optimizer: Optimizer, pieces: tuple[int, ...]) -> None:
    whole, again = start_ascent(optimizer), start_ascent(optimizer)
    through = whole.run()
    assert_same(through, whole.result)
    for count in pieces:
        do_steps(again, count)
    # A new iterator is not a new ascent.
    assert [step.record.step for step in again] == list(range(sum(pieces), 5))
    assert_same(again.result, through)
    for ascent in (whole, again):
        last = ascent.stack
        assert list(ascent) == []
        assert_same(ascent.run(), through)
        assert ascent.stack is last


def test_views_without_windows_of_their_own_reach_as_far_as_any_margin() -> None:
    stack = da.ImageStack.gray(da.StackSpec(32, 32, 5))
    ascent = da.Ascent(stack, [toy_class()])
    assert ascent.augmentation.windows.reach((42, 42), 5) == da.views.Windows(5).reach((42, 42), 5) == (0, 0, 42, 42)
    da.Ascent(stack, toy_class(), da.views.Augmentation(views=2), steps=1).run()


def test_one_objective_needs_no_list_and_a_device_may_be_named() -> None:
    one = da.Ascent(da.ImageStack.gray(SPEC), toy_class(), VIEWS, steps=1, device="cpu").run()
    assert torch.equal(one.image, climb(steps=1).image)
    for thing in (classifier(), toy_class(), one.stack, one, da.Ascent(one.stack, toy_class())):
        assert len(repr(thing)) < 250


def test_what_cannot_be_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="steps 0"):
        da.Ascent(da.ImageStack.gray(SPEC), toy_class(), steps=0)


def test_a_step_that_is_ended_anywhere_has_done_nothing() -> None:
    settings: dict[str, Any] = {"steps": 3, "chunk": 2}
    whole = da.Ascent(da.ImageStack.gray(SPEC), [toy_class()], VIEWS, **settings).run()
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [toy_class()], VIEWS, **settings)
    next(iter(ascent))
    # Of another ascent, whose first step has filled the caches.
    other = da.Ascent(ascent.stack, [toy_class()], VIEWS, steps=1, chunk=2)
    step = count_looks(lambda: next(iter(other)))
    for at in (1, step // 2, step - 1):
        with pytest.raises(StopError), interruptible(Stop(at)):
            ascent.run()
        assert (len(ascent.history), ascent.stack.steps, ascent.chunk) == (1, 1, 2)
    assert torch.equal(ascent.run().image, whole.image)


@each_case("mode", torch.inference_mode, torch.no_grad, partial(torch.autocast, "cpu"))
def test_the_picture_is_the_same_in_every_mode(mode: Any) -> None:
    objective = toy_class()
    expected = da.Ascent(da.ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    with mode():
        result = da.Ascent(da.ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    assert torch.equal(result.image, expected.image)
    assert result.history == expected.history


def test_a_model_that_was_loaded_under_inference_mode_is_named() -> None:
    with torch.inference_mode():
        model = classifier()
    with pytest.raises(ValueError, match=r"toy was loaded under torch.inference_mode\(\), .*: load it outside"):
        da.Ascent(da.ImageStack.gray(SPEC), [da.classes(((3, 1.0),)).on(model)], VIEWS).run()


# A device that every machine has, and that is not the CPU.
THERE: Any = classifier().to("meta")
SAYS = r"toy is on meta and the picture on cpu; move the model with judge\.to\('cpu'\), or the picture with device="


@each_case("others", [], [da.classes(3).on(classifier())])
def test_both_devices_and_the_next_step_are_named(others: list[da.Objective]) -> None:
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [*others, da.classes(3).on(THERE)], VIEWS, steps=2)
    for _ in range(2):
        with pytest.raises(ValueError, match=SAYS) as raised:
            ascent.run()
        assert isinstance(raised.value.__cause__, RuntimeError)
    assert ascent.history == []
    assert ascent.result.stack.steps == 0


def test_a_model_that_works_from_elsewhere_works_and_one_without_weights_is_everywhere() -> None:
    # It takes images from any device.
    flat, anywhere = nn.Flatten(), nn.Flatten()
    anywhere.weight = nn.Parameter(torch.ones(3, device="meta"))
    ascent = da.Ascent(da.ImageStack.gray(SPEC), output_objective(judge(anywhere)), VIEWS, steps=2)
    assert len(ascent.run().history) == 2
    assert describe_mismatch([judge(flat)], torch.device("cuda", 0)) is None
