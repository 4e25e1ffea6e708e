"""The outcome of an ascent: gradients that it cannot go on along, and the importance of pixels."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

from das_core.ascent.loop import Ascent
from das_core.ascent.result import (
    AscentError,
    Measurement,
    Record,
    Step,
    check_canvas,
    check_gradient,
    make_importance_mask,
    measure_gradient_strength,
    measure_step,
)
from das_core.stack.image_stack import ImageStack
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, Output, class_objective, climb, judge


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


def test_a_gradient_that_leads_somewhere_passes() -> None:
    check(gradient())
    check(gradient() * 1e-30)
    # One value is enough.
    single = torch.zeros(1, 3, 8, 9)
    single[0, 2, 7, 8] = -1e-12
    check(single)


def test_a_norm_that_overflows_passes_while_every_value_is_finite() -> None:
    huge = gradient() * 1e30
    assert huge.norm() == float("inf")
    check(huge)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_single_value_that_is_not_finite_is_refused(value: float) -> None:
    broken = gradient()
    broken[1, 0, 3, 4] = value
    with pytest.raises(AscentError, match=r"the gradient of 'a cat', 'a dog' is not a number at step 5; .* in fp32"):
        check(broken)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_of_a_broken_gradient_the_objective_with_the_broken_score_is_named(score: float) -> None:
    with pytest.raises(AscentError, match="the gradient of 'a dog' is not a number at step 5"):
        check(gradient() * torch.nan, {"a cat": 0.5, "a dog": score})


@pytest.mark.parametrize("empty", [0, 1])
def test_a_gradient_of_0_in_one_image_of_a_batch_is_refused(empty: int) -> None:
    vanished = gradient()
    vanished[empty] = 0
    with pytest.raises(AscentError, match=r"gradient of 'a cat', 'a dog' vanished at step 5: no change .* the logit"):
        check(vanished)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_canvas_with_a_single_value_that_is_not_finite_is_refused(value: float) -> None:
    canvas = gradient()
    check_moved(canvas)
    huge = canvas.abs() * 1e37
    assert huge.sum() == float("inf")
    check_moved(huge)
    canvas[1, 2, 3, 4] = value
    with pytest.raises(AscentError, match=r"step 5 led to a picture that is not a number; .* step 4. Lower the step"):
        check_moved(canvas)


@pytest.mark.parametrize("factor", [torch.nan, 0.0])
def test_every_error_says_which_image_is_left(factor: float) -> None:
    for refuse in (check, lambda values, is_first=False: check_moved(values / 0, is_first)):
        with pytest.raises(AscentError, match="the last good image is that of step 4"):
            refuse(gradient() * factor)
        with pytest.raises(AscentError, match="there is no good image yet"):
            refuse(gradient() * factor, is_first=True)


def test_an_ascent_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="vanished"):
        check(torch.zeros(1, 3, 8, 9))


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
    objectives = [Output(judge(BreaksAt(3, factor)), "broken")]
    ascent = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, chunk=6)
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
        next(iter(Ascent(ImageStack.gray(SPEC), [Output(judge(Blind()))], VIEWS)))


def test_the_broken_objective_is_the_one_that_is_named() -> None:
    objectives = [class_objective(), Output(judge(BreaksAt(1, float("nan"))), "broken")]
    with pytest.raises(AscentError, match="gradient of 'broken' is"):
        next(iter(Ascent(ImageStack.gray(SPEC), objectives, VIEWS)))


def test_a_step_renders_the_stack_after_it() -> None:
    stack = ImageStack.noise(SPEC, 2)
    step = Step(record(), stack)
    assert torch.equal(step.image(), stack.image())
    assert not torch.equal(replace(step, stack=ImageStack.gray(SPEC, 2)).image(), stack.image())


class Left(nn.Module):
    """Sees the left half of its views alone."""

    def forward(self, views: Tensor) -> Tensor:
        return views[..., : views.shape[-1] // 2].square()


def test_importance_is_bright_where_a_judge_looks() -> None:
    still = Augmentation(2, Windows(8, 1.0, 1.0, 1.0), ())
    result = climb(ImageStack.gray(SPEC, 2), objectives=[Output(judge(Left(), size=24))], augmentation=still)
    importance = result.importance
    assert importance.shape == (2, 32, 32)
    assert importance[:, :, :15].mean() > 0.5
    assert importance[:, :, 18:].max() == 0
    assert importance.min() >= 0
    assert importance.max() == 1


def test_before_the_first_step_importance_is_0() -> None:
    assert Ascent(ImageStack.gray(SPEC), [Output(judge(Left()))]).result.importance.max() == 0


def test_importance_is_that_of_numpy() -> None:
    steps = torch.randn(4, 2, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    mask = make_importance_mask(torch.stack([measure_gradient_strength(step) for step in steps]).sum(dim=0))
    for item in range(2):
        sizes = np.sqrt((steps[:, item].numpy() ** 2).sum(axis=1))
        gathered = (sizes / sizes.mean(axis=(1, 2), keepdims=True)).sum(axis=0)
        white = np.sort(gathered.ravel())[round(0.99 * 120) - 1]
        np.testing.assert_allclose(mask[item].numpy(), np.minimum(gathered / white, 1), rtol=1e-5)


def test_every_step_counts_alike_however_large_its_gradient() -> None:
    one, other = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(measure_gradient_strength(other * 1000), measure_gradient_strength(other))
    assert torch.isfinite(measure_gradient_strength(one * 0)).all()


def test_pictures_are_saved_and_shown(tmp_path: Path) -> None:
    result = climb(ImageStack.gray(SPEC, batch=2), steps=1)
    paths = result.save(str(tmp_path / "toy.png"))
    assert [path.name for path in paths] == ["toy_1.png", "toy_2.png"]
    for picture, path in zip(result.image, paths, strict=True):
        assert torch.equal(pil_to_tensor(Image.open(path)), (picture * 255).byte())
    shown = Image.open(io.BytesIO(result._repr_png_()))
    assert shown.size == (2 * 32, 32)
    assert repr(result).startswith("Result(32 x 32, 2 images, 1 steps, class 3 ")
    assert [path.name for path in climb(steps=1).save(tmp_path / "one.png")] == ["one.png"]
    with pytest.raises(ValueError, match="unknown file extension"):
        result.save(tmp_path / "toy.docx")


def test_a_film_may_have_frames_that_no_view_shows() -> None:
    values = gradient(3)
    values[1] = 0
    canvas = torch.zeros(3, 3, 4, 4)
    scores = {"a cat": torch.tensor(0.5)}
    assert measure_step(0, scores, values, canvas).vanished
    assert not measure_step(0, scores, values, canvas, as_one=True).vanished
    assert measure_step(0, scores, torch.zeros_like(values), canvas, as_one=True).vanished
