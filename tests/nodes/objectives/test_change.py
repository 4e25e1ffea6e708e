"""Region and Schedule: other objectives in one place or at one time, and what is said where that cannot be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.stack.time import Time
from loaded_pack import Pack, Toy, assert_is_free, assert_refused


def block(begin: int = 16, end: int = 48) -> Tensor:
    """A mask with a white square, as another node makes it."""
    with torch.inference_mode():
        mask = torch.zeros(1, 64, 64)
        mask[:, begin:end, begin:end] = 1
        return mask


def region(pack: Pack, mask: Tensor) -> Any:
    return pack.run("DAS_Region", objective=pack.objective(), mask=mask)[0]


def test_regions_and_priors_climb_beside_a_whole(pack: Pack) -> None:
    image = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))
    (left,) = pack.run("DAS_Region", objective=pack.objective(classes="1"), mask=block())
    (prior,) = pack.run("DAS_Prior", kind="total_variation", weight=0.3)
    (faded,) = pack.run("DAS_Schedule", objective=prior, start=1.0, end=0.0)
    stack = pack.stack(image=image, start={"start": "image"})
    asked = {"objective0": pack.objective(), "objective1": left, "objective2": faded}
    history = pack.optimize(stack=stack, objectives=asked, steps=3)[3]
    assert list(history[0].scores) == ["class 0", "class 1", "total variation"]
    assert all(record.gradient_norm > 0 for record in history)


def test_a_region_takes_its_gradient_from_what_lies_under_its_mask(pack: Pack) -> None:
    mask = block(0, 24)
    made, *_, importance = pack.optimize(objectives={"objective0": region(pack, mask)}, steps=4)
    assert importance[mask == 0].max() == 0
    assert importance[mask == 1].max() == 1
    change = (made - 0.5).abs().mean(dim=-1)
    assert change[mask == 1].mean() > 1.5 * change[mask == 0].mean(), "only coarse shapes reach over its edge"


def test_a_mask_comes_in_free_of_inference_mode(pack: Pack) -> None:
    assert_is_free(region(pack, block()).terms[0].regions[0])


def test_a_schedule_takes_its_objective_along(pack: Pack) -> None:
    (objective,) = pack.run("DAS_TextObjective", clip=pack.clip(Toy()), text="a cat", weight=2.0)
    (scheduled,) = pack.run("DAS_Schedule", objective=objective, start=0.5, end=1.5, curve="cosine")
    (term,) = scheduled.terms
    assert [term.weight_at(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 2.0, 3.0])
    (twice,) = pack.run("DAS_Schedule", objective=scheduled)
    assert twice.terms[0].weight_at(1.0) == pytest.approx(3.0)


def test_the_defaults_of_schedule_do_for_a_single_objective(pack: Pack) -> None:
    fading_in = pack.run("DAS_Schedule", objective=pack.objective())[0]
    history = pack.optimize(steps=4, objectives={"objective0": fading_in})[3]
    assert history[0].gradient_norm == 0
    assert all(record.gradient_norm > 0 for record in history[1:])


def over_frames(pack: Pack, **inputs: Any) -> list[float]:
    """The factors of a schedule in a film of four frames."""
    (objective,) = pack.run("DAS_Schedule", objective=pack.objective(), **inputs)
    (factors,) = (term.weigh_images(Time(4).timeline) for term in objective.terms)
    return list(factors)


def test_a_schedule_goes_over_the_frames_of_a_film(pack: Pack) -> None:
    assert over_frames(pack, frames="0: 0 / 4: 1") == [0.0, 0.25, 0.5, 0.75]
    assert over_frames(pack, frames="0: (0), 4: (1)", start=1.0, end=0.0) == [1.0, 0.75, 0.5, 0.25]
    assert over_frames(pack, frames="0: 0 / 4: 1", curve="step") == [0.0, 0.0, 1.0, 1.0]
    assert over_frames(pack, frames="0, 0.5, 1, 0.5", end=2.0) == [0.0, 1.0, 2.0, 1.0]


@each_case("kind", [list, tuple, torch.tensor, np.array])
def test_numbers_of_another_node_are_one_for_each_frame(pack: Pack, kind: Callable[[list[float]], Any]) -> None:
    loud = [0.0, 0.5, 1.0, 0.25]
    assert over_frames(pack, numbers=kind(loud), frames="0: 1") == loud, "in place of the text"
    asked = {"objective0": pack.run("DAS_Schedule", objective=pack.objective(), numbers=kind(loud))[0]}
    (stack,) = pack.run("DAS_FilmStack", stack=pack.stack(), frames=4)
    assert torch.isfinite(pack.optimize(stack=stack, objectives=asked)[0]).all()


def optimize_over(pack: Pack, frames: str) -> object:
    (stack,) = pack.run("DAS_FilmStack", stack=pack.stack(), frames=4)
    asked = {"objective0": pack.run("DAS_Schedule", objective=pack.objective(), frames=frames)[0]}
    return pack.optimize(stack=stack, objectives=asked)


BAD: dict[str, Callable[[Pack], object]] = {
    r"the region has no pixel above 0": lambda pack: region(pack, torch.zeros(1, 9, 9)),
    r"2 region masks do not go with 1 images": lambda pack: pack.optimize(
        objectives={"objective0": region(pack, torch.ones(2, 9, 9))}
    ),
    r"the region is 4 x 4 pixels in image 1, too small": lambda pack: pack.optimize(
        objectives={"objective0": region(pack, block(30, 34))}
    ),
    r"no pixel in common": lambda pack: pack.optimize(
        stack=pack.stack(image=torch.rand(1, 64, 64, 3), mask=block(0, 8)),
        objectives={"objective0": region(pack, block(30, 60))},
    ),
    r"numbers is 0.5, not a list of numbers": lambda pack: over_frames(pack, numbers=0.5),
    r"number 2 of numbers is 'b', not a number": lambda pack: over_frames(pack, numbers=[1.0, "b"]),
    r"number 1 of numbers nan is no finite number": lambda pack: over_frames(pack, numbers=[float("nan")]),
    r"a track has no keyframe": lambda pack: over_frames(pack, numbers=[]),
    r"'fog' is not a number": lambda pack: over_frames(pack, frames="0: fog"),
    r"has 3 weights and there are 4 frames; .*Film Stack says": lambda pack: optimize_over(pack, "0, 1, 0"),
    r"keyframe 9 of 'class 0' is beyond the end of 4 frames": lambda pack: optimize_over(pack, "9: 1"),
    r"curve 'wave' is unknown": lambda pack: pack.run("DAS_Schedule", objective=pack.objective(), curve="wave"),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
