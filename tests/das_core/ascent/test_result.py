"""The outcome of an ascent: results, those of an ascent that an error has ended, and the importance of pixels."""

import io
import math
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

import direct_ascent as da
from ascents import assert_same, do_steps, start_ascent
from cases import each_case
from das_core.ascent.result import make_importance_mask, measure_gradient_strength
from toys import SPEC, VIEWS, classifier, climb, judge, output_objective, toy_class


class Breaking(nn.Module):
    """A network whose answer is multiplied by a factor at some calls, of which the first is call 3."""

    def __init__(self, network: nn.Module, factor: float, failures: int) -> None:
        super().__init__()
        self.network, self.factor, self.failures, self.calls = network, factor, failures, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        answer: Tensor = self.network(views)
        return answer * self.factor if 3 <= self.calls < 3 + self.failures else answer


def breaking_ascent(factor: float = 1.0, failures: int = 0) -> da.Ascent:
    network = classifier()
    model = replace(network, module=Breaking(network.module, factor, failures))
    # All views of both images in one chunk, so that a step is one call.
    asked = da.classes(((3, 1.0),), "logit").on(model)
    return da.Ascent(da.ImageStack.noise(SPEC, 2), [asked], VIEWS, steps=5, seed=3, chunk=12)


@each_case("factor, failures", *product([math.nan, 0.0], [1, 2]))
def test_after_an_error_the_last_good_result_stays_and_the_ascent_goes_on(factor: float, failures: int) -> None:
    ascent, sound = breaking_ascent(factor, failures), breaking_ascent()
    do_steps(sound, 2)
    # The step that failed is done again, and fails again if the cause is still there.
    for _ in range(failures):
        with pytest.raises(da.AscentError, match=r"at step 3.* the last good image is that of step 2") as error:
            ascent.run()
        assert error.value.result is not None
        assert_same(error.value.result, sound.result)
    assert_same(ascent.run(), breaking_ascent().run())


def test_of_several_objectives_the_broken_one_is_named_and_at_the_first_step_there_is_no_result() -> None:
    broken = output_objective(judge(Breaking(nn.Identity(), math.nan, 99)), "broken")
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [toy_class(), broken], VIEWS, chunk=2)
    with pytest.raises(da.AscentError, match=r"gradient of 'broken' is .* there is no good image yet") as error:
        ascent.run()
    assert (error.value.result, ascent.result.history) == (None, ())


@dataclass(frozen=True)
class Overflowing(da.ascent.NormalizedAscent):
    """An optimizer whose third step leads out of the numbers there are."""

    def step(self, stack: da.ImageStack, *arguments: Any) -> da.ImageStack:
        moved = super().step(stack, *arguments)
        return replace(moved, canvas=moved.canvas * math.inf) if stack.steps == 2 else moved


def test_a_step_that_leads_to_no_picture_is_refused_and_the_one_before_is_kept() -> None:
    ascent, sound = start_ascent(Overflowing()), start_ascent(da.ascent.NormalizedAscent())
    with pytest.raises(da.AscentError, match=r"step 3 led to a picture that is not a number; .* that of step 2\."):
        ascent.run()
    do_steps(sound, 2)
    assert_same(ascent.result, sound.result)


def test_importance_is_that_of_numpy_and_every_step_counts_alike_however_large_its_gradient() -> None:
    steps = torch.randn(4, 2, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    mask = make_importance_mask(torch.stack([measure_gradient_strength(step) for step in steps]).sum(dim=0))
    for item in range(2):
        sizes = np.sqrt((steps[:, item].numpy() ** 2).sum(axis=1))
        gathered = (sizes / sizes.mean(axis=(1, 2), keepdims=True)).sum(axis=0)
        white = np.sort(gathered.ravel())[round(0.99 * 120) - 1]
        np.testing.assert_allclose(mask[item].numpy(), np.minimum(gathered / white, 1), rtol=1e-5)
    torch.testing.assert_close(measure_gradient_strength(steps[0] * 1000), measure_gradient_strength(steps[0]))
    assert make_importance_mask(measure_gradient_strength(steps[0] * 0)).abs().max() == 0


class Recording(da.ascent.NormalizedAscent):
    """An optimizer that keeps the gradients it is given."""

    gradients: ClassVar[list[Tensor]] = []

    def step(self, stack: da.ImageStack, gradient: Tensor, *more: Any) -> da.ImageStack:
        self.gradients.append(gradient)
        return super().step(stack, gradient, *more)


def test_importance_counts_the_gradients_of_all_steps_without_the_margin() -> None:
    Recording.gradients.clear()
    importance = start_ascent(Recording()).run().importance
    assert len(Recording.gradients) == 5
    strength = torch.stack([measure_gradient_strength(gradient) for gradient in Recording.gradients]).sum(dim=0)
    torch.testing.assert_close(importance, make_importance_mask(strength[:, 8:-8, 8:-8]))


def test_pictures_are_saved_and_shown(tmp_path: Path) -> None:
    result = climb(da.ImageStack.gray(SPEC, batch=2), steps=1)
    paths = result.save(str(tmp_path / "toy.png"))
    assert [path.name for path in paths] == ["toy_1.png", "toy_2.png"]
    for picture, path in zip(result.image, paths, strict=True):
        assert torch.equal(pil_to_tensor(Image.open(path)), (picture * 255).round().byte())
    assert Image.open(io.BytesIO(result._repr_png_())).size == (2 * 32, 32)
    assert repr(result).startswith("Result(32 x 32, 2 images, 1 steps, class 3 ")
    assert [path.name for path in climb(steps=1).save(tmp_path / "one.png")] == ["one.png"]
    with pytest.raises(ValueError, match="no format of pictures"):
        result.save(tmp_path / "toy.docx")
