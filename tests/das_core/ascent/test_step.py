"""One step of an ascent, its numbers, and gradients and canvases that an ascent cannot go on from."""

import math
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from ascents import FORMS, STEADY
from cases import each_case
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import VanishedError
from das_core.ascent.step import Measurement, check_step, measure_step
from toys import SPEC, VIEWS, climb, judge, output_objective, toy_class


@each_case("optimizer, method", (da.ascent.NormalizedAscent(), "spectral"), (da.ascent.SGD(1.0), "layers"), *FORMS)
def test_the_score_rises(optimizer: Optimizer, method: Any) -> None:
    history = climb(da.ImageStack.gray(replace(SPEC, method=method)), optimizer=optimizer, steps=8).history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"] + 0.1


def test_the_step_of_a_film_has_one_size_over_all_frames() -> None:
    start = da.ImageStack.noise(replace(SPEC, time=da.stack.Time(6)))
    tracks = da.over_keyframes({0: 3, 5: 5}, lambda number: toy_class(number))
    ascent = da.Ascent(start, tracks, VIEWS, steps=1, optimizer=da.ascent.NormalizedAscent(0.05), denoising=None)
    change = (ascent.run().stack.canvas - start.canvas).square()
    torch.testing.assert_close(change.mean(dim=(0, 2, 3)).sqrt(), torch.full((3,), 0.05), rtol=1e-4, atol=1e-6)
    sizes = change.mean(dim=(1, 2, 3))
    assert float(sizes.max() / sizes.min()) > 1.1


class ZeroAt(nn.Module):
    """Answers with its views, but with zeros at one of its calls."""

    def __init__(self, call: int) -> None:
        super().__init__()
        self.call, self.calls = call, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        return views.square() * (self.calls != self.call)


@each_case(
    "optimizer, more", *product(STEADY, [{}, {"denoising": da.ascent.Denoising()}, {"others": [da.prior("l2")]}])
)
def test_an_image_without_a_gradient_stays_and_the_others_go_on(optimizer: Optimizer, more: dict[str, Any]) -> None:
    def start(second: float, call: int) -> da.Ascent:
        canvas = torch.zeros(3, 3, *SPEC.canvas)
        canvas[1] = second
        objectives = [output_objective(judge(ZeroAt(call))), *more.get("others", [])]
        # A call of the network for each image.
        settings: dict[str, Any] = {"optimizer": optimizer, "chunk": VIEWS.views, "denoising": more.get("denoising")}
        return da.Ascent(da.ImageStack.from_canvas(SPEC, canvas), objectives, VIEWS, steps=4, **settings)

    living = start(0, call=0).run().stack
    # At 50 the second image is white to the last bit, and no score moves it. The third is not moved by the network in
    # step 3, but by the prior.
    ascent = start(50, call=9)
    stacks = [step.stack for step in ascent]
    assert torch.equal(ascent.stack.canvas[0], living.canvas[0])
    assert torch.equal(ascent.stack.canvas[1], torch.full_like(stacks[0].canvas[1], 50))
    rests = () if "others" in more else (2,)
    assert [record.still for record in ascent.history] == [(1,), (1,), (1, *rests), (1,)]
    moves = [not torch.equal(one.canvas[2], other.canvas[2]) for one, other in pairwise(stacks)]
    assert moves == [True, not rests, True]


def gradient(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def measure(values: Tensor, canvas: Tensor, scores: dict[str, float] | None = None) -> Measurement:
    """Measure step 5."""
    given = {"a cat": 0.5, "a dog": -1.0} if scores is None else scores
    return measure_step(4, {name: torch.tensor(score) for name, score in given.items()}, values, canvas)


def check(values: Tensor, canvas: Tensor | None = None, scores: dict[str, float] | None = None, **more: bool) -> None:
    """Check a gradient and the canvas that it led to as a step does."""
    canvas = gradient() if canvas is None else canvas
    check_step(measure(values, canvas, scores), values, canvas, **{"is_first": False, **more})


def test_a_measurement_has_the_numbers_of_its_step() -> None:
    values, canvas = gradient(), gradient() + 1
    measured = measure_step(7, {"a cat": torch.tensor(0.5), "a dog": torch.tensor(-1.25)}, values, canvas)
    assert (measured.record.step, measured.record.scores) == (7, {"a cat": 0.5, "a dog": -1.25})
    norm = math.sqrt(float(values.double().square().sum()))
    assert measured.record.gradient_norm == pytest.approx(norm, rel=1e-6)
    assert measured.canvas_sum == pytest.approx(float(canvas.double().sum()), rel=1e-5)
    assert not measured.vanished


def test_a_gradient_that_leads_somewhere_passes_while_every_value_is_finite() -> None:
    check(gradient() * 1e-30)
    # One value is enough.
    single = torch.zeros(1, 3, 8, 9)
    single[0, 2, 7, 8] = -1e-12
    check(single)
    # Its norm may overflow, and so may the sum of a canvas.
    check(gradient() * 1e30, gradient().abs() * 1e37)
    assert measure(gradient() * 1e30, gradient()).record.gradient_norm == math.inf
    assert measure(gradient(), gradient().abs() * 1e37).canvas_sum == math.inf


NOT_FINITE = (math.nan, math.inf, -math.inf)


def spoil(where: int | tuple[int, ...], value: float) -> Tensor:
    """A gradient of two images with another value at one place."""
    spoiled = gradient()
    spoiled[where] = value
    return spoiled


@each_case(
    ("values", "scores", "says"),
    *((spoil((1, 0, 3, 4), value), None, r"'a cat', 'a dog' is not a number .* in fp32") for value in NOT_FINITE),
    # The objective with the broken score is named.
    *((gradient() * math.nan, {"cat": 0.5, "dog": value}, "of 'dog' is not a number") for value in NOT_FINITE),
    (
        torch.zeros(2, 3, 8, 9),
        None,
        r"of 'a cat', 'a dog' vanished at step 5: no change .* the logit.* must let gradients",
    ),
)
def test_gradients_not_finite_or_0_are_refused(values: Tensor, scores: dict[str, float] | None, says: str) -> None:
    with pytest.raises(da.AscentError, match=says) as error:
        check(values, scores=scores)
    assert isinstance(error.value, VanishedError) == (not values.any())


@each_case("value", *NOT_FINITE)
def test_a_canvas_with_a_single_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(da.AscentError, match=r"step 5 led to a picture that is not a number; .* step 4. Lower"):
        check(gradient(), spoil((1, 2, 3, 4), value))


def test_a_film_may_have_frames_that_no_view_shows() -> None:
    values = gradient(3)
    values[1] = 0
    canvas = torch.zeros(3, 3, 4, 4)
    scores = {"a cat": torch.tensor(0.5)}
    assert measure_step(0, scores, values, canvas).record.still == (1,)
    film = measure_step(0, scores, values, canvas, as_one=True)
    assert (film.vanished, film.record.still) == (False, ())
    assert measure_step(0, scores, torch.zeros_like(values), canvas, as_one=True).vanished
