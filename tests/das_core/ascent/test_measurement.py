"""The numbers of a step, and gradients and canvases that an ascent cannot go on from."""

import math

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.measurement import Measurement, check_canvas, check_gradient, measure_step
from das_core.ascent.result import AscentError, Record
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, judge, output_objective


def record(scores: dict[str, float] | None = None, norm: float = 1.0, step: int = 4) -> Record:
    return Record(step, scores or {"a cat": 0.5, "a dog": -1.0}, norm)


def gradient(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def measure(values: Tensor, canvas: Tensor, scores: dict[str, float] | None = None) -> Measurement:
    """Measure step 5, with the scores of `record`."""
    given = record(scores)
    return measure_step(given.step, {name: torch.tensor(score) for name, score in given.scores.items()}, values, canvas)


def check(values: Tensor, scores: dict[str, float] | None = None, is_first: bool = False) -> None:
    """Check a gradient as a step does."""
    check_gradient(values, measure(values, values, scores), is_first=is_first)


def check_moved(canvas: Tensor, is_first: bool = False) -> None:
    """Check a canvas as a step does."""
    check_canvas(canvas, measure(gradient(), canvas), is_first=is_first)


def test_a_measurement_has_the_numbers_of_its_step() -> None:
    values, canvas = gradient(), gradient() + 1
    measured = measure_step(7, {"a cat": torch.tensor(0.5), "a dog": torch.tensor(-1.25)}, values, canvas)
    assert (measured.record.step, measured.record.scores) == (7, {"a cat": 0.5, "a dog": -1.25})
    norm = math.sqrt(float(values.double().square().sum()))
    assert measured.record.gradient_norm == pytest.approx(norm, rel=1e-6)
    assert measured.canvas_sum == pytest.approx(float(canvas.double().sum()), rel=1e-5)
    assert not measured.vanished


def test_a_gradient_that_leads_somewhere_passes_while_every_value_is_finite() -> None:
    check(gradient())
    check(gradient() * 1e-30)
    # One value is enough.
    single = torch.zeros(1, 3, 8, 9)
    single[0, 2, 7, 8] = -1e-12
    check(single)
    # Its norm may overflow.
    huge = gradient() * 1e30
    assert huge.norm() == float("inf")
    check(huge)


NOT_FINITE = (math.nan, math.inf, -math.inf)


def spoil(where: int | tuple[int, ...], value: float) -> Tensor:
    """A gradient of two images with another value at one place."""
    spoiled = gradient()
    spoiled[where] = value
    return spoiled


@each_case(
    ("values", "scores", "says"),
    [
        *(
            (
                spoil((1, 0, 3, 4), value),
                None,
                r"the gradient of 'a cat', 'a dog' is not a number at step 5; .* in fp32",
            )
            for value in NOT_FINITE
        ),
        # The objective with the broken score is named.
        *(
            (
                gradient() * torch.nan,
                {"a cat": 0.5, "a dog": score},
                "the gradient of 'a dog' is not a number at step 5",
            )
            for score in NOT_FINITE
        ),
        (torch.zeros(2, 3, 8, 9), None, r"gradient of 'a cat', 'a dog' vanished at step 5: no change .* the logit"),
    ],
)
def test_a_gradient_that_is_not_finite_or_0_is_refused(
    values: Tensor, scores: dict[str, float] | None, says: str
) -> None:
    with pytest.raises(AscentError, match=says) as error:
        check(values, scores)
    assert isinstance(error.value, ValueError)


@each_case("value", NOT_FINITE)
def test_a_canvas_with_a_single_value_that_is_not_finite_is_refused(value: float) -> None:
    canvas = gradient()
    check_moved(canvas)
    huge = canvas.abs() * 1e37
    assert huge.sum() == float("inf")
    check_moved(huge)
    with pytest.raises(AscentError, match=r"step 5 led to a picture that is not a number; .* step 4. Lower the step"):
        check_moved(spoil((1, 2, 3, 4), value))


@each_case("factor", [torch.nan, 0.0])
def test_every_error_says_which_image_is_left(factor: float) -> None:
    for refuse in (check, lambda values, is_first=False: check_moved(values / 0, is_first)):
        with pytest.raises(AscentError, match="the last good image is that of step 4"):
            refuse(gradient() * factor)
        with pytest.raises(AscentError, match="there is no good image yet"):
            refuse(gradient() * factor, is_first=True)


def test_a_film_may_have_frames_that_no_view_shows() -> None:
    values = gradient(3)
    values[1] = 0
    canvas = torch.zeros(3, 3, 4, 4)
    scores = {"a cat": torch.tensor(0.5)}
    assert measure_step(0, scores, values, canvas).record.still == (1,)
    film = measure_step(0, scores, values, canvas, as_one=True)
    assert (film.vanished, film.record.still) == (False, ())
    assert measure_step(0, scores, torch.zeros_like(values), canvas, as_one=True).vanished


def test_a_judge_that_does_not_look_is_named() -> None:
    class Blind(nn.Module):
        def forward(self, views: Tensor) -> Tensor:
            return torch.ones(len(views), 1)

    with pytest.raises(AscentError, match="'output' vanished at step 1"):
        next(iter(Ascent(ImageStack.gray(SPEC), [output_objective(judge(Blind()))], VIEWS)))
