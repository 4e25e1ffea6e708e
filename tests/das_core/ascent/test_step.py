"""One step of an ascent: the score rises, parameters stay true to the canvas, and the frames of a film move as one."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import AscentError
from das_core.ascent.sgd import SGD
from das_core.models.sources.starters import load_starter
from das_core.objectives.change import over_keyframes
from das_core.objectives.classes import class_objective
from das_core.objectives.priors import prior
from das_core.stack.decomposition import read_levels
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, climb, judge, output_objective, toy_class


@each_case("method", ["spectral", "layers"])
@each_case("optimizer", [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(1.0), SGD(0.3, 0.9), Adam()])
def test_the_score_rises(method: str, optimizer: Optimizer) -> None:
    stack = ImageStack.gray(replace(SPEC, method=method))  # type: ignore[type-var]
    history = climb(stack, optimizer=optimizer, steps=12).history
    assert history[-1].scores["class 3"] > history[0].scores["class 3"] + 0.1


def test_half_the_rate_is_half_the_learning_rate() -> None:
    half = climb(steps=3, optimizer=SGD(0.5), schedule=lambda progress: 0.5)
    torch.testing.assert_close(half.image, climb(steps=3, optimizer=SGD(0.25), schedule="constant").image)


@each_case("optimizer", [NormalizedAscent(), SGD(0.5), Adam()])
@each_case("method", ["spectral", "layers"])
def test_every_level_can_be_read_out(optimizer: Optimizer, method: str) -> None:
    spec = StackSpec(32, 32, 8, levels=(1, 2, 7, 20, 48), method=method)  # type: ignore[arg-type]
    stack = climb(ImageStack.gray(spec), optimizer=optimizer).stack
    summed = spec.operator(torch.device("cpu"), "layers").forward(LevelTensors(read_levels(stack)))
    torch.testing.assert_close(summed, stack.canvas - stack.start, rtol=1e-3, atol=1e-4)


def test_a_real_model_goes_over_from_one_class_to_another() -> None:
    """Six frames share out six views a step."""
    model = load_starter()
    tracks = over_keyframes("0: castle / 5: goldfish", lambda name: class_objective(model, name))
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


@each_case("loop", [False, True])
def test_what_a_film_has_accumulated_stays_true(loop: bool) -> None:
    spec = replace(SPEC, time=Time(5, loop=loop))
    tracks = over_keyframes({0: 3, 2: 5}, lambda number: toy_class(number))
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
    tracks = over_keyframes({0: 3, 5: 5}, lambda number: toy_class(number))
    optimizer = NormalizedAscent(0.05)
    after = Ascent(start, tracks, VIEWS, steps=1, optimizer=optimizer, denoising=None).run().stack
    change = (after.canvas - start.canvas).square()
    torch.testing.assert_close(change.mean(dim=(0, 2, 3)).sqrt(), torch.full((3,), 0.05), rtol=1e-4, atol=1e-6)
    sizes = change.mean(dim=(1, 2, 3))
    assert float(sizes.max() / sizes.min()) > 1.1


def test_a_film_that_nothing_moves_ends_with_a_message() -> None:
    spec = replace(SPEC, time=Time(3))
    with pytest.raises(AscentError, match="the gradient of 'total variation' vanished at step 1"):
        Ascent(ImageStack.gray(spec), prior("total_variation")).run()


class ZeroAt(nn.Module):
    """Answers with its views, but with zeros at one of its calls."""

    def __init__(self, call: int) -> None:
        super().__init__()
        self.call, self.calls = call, 0

    def forward(self, views: Tensor) -> Tensor:
        self.calls += 1
        return views.square() * (self.calls != self.call)


@each_case("optimizer", [NormalizedAscent(momentum=0.5), SGD(1.0, 0.9), Adam()])
@each_case("more", [{}, {"denoising": Denoising()}, {"others": [prior("l2")]}])
def test_an_image_without_a_gradient_stands_still_and_the_others_go_on(
    optimizer: Optimizer, more: dict[str, Any]
) -> None:
    def start(second: float, call: int) -> Ascent:
        canvas = torch.zeros(3, 3, *SPEC.canvas)
        canvas[1] = second
        wishes = [output_objective(judge(ZeroAt(call))), *more.get("others", [])]
        # A call of the network for each image.
        return Ascent(
            ImageStack.from_canvas(SPEC, canvas),
            wishes,
            VIEWS,
            steps=4,
            optimizer=optimizer,
            chunk=VIEWS.views,
            denoising=more.get("denoising"),
        )

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
