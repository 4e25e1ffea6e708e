"""Region, Schedule, Keyframes and Ensemble: objectives in one place, at one time or with a share of the views."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.stack.time import Time
from loaded_pack import Pack, Toy, assert_is_free, refuse_all


def block(begin: int = 16, end: int = 48) -> Tensor:
    """A mask with a white square, as another node makes it."""
    with torch.inference_mode():
        mask = torch.zeros(1, 64, 64)
        mask[:, begin:end, begin:end] = 1
        return mask


def region(pack: Pack, mask: Tensor) -> Any:
    return pack.run("DAS_Region", objective=pack.objective(), mask=mask)[0]


def test_a_region_takes_its_gradient_from_what_lies_under_its_mask(pack: Pack) -> None:
    mask = block(0, 24)
    objective = region(pack, mask)
    assert_is_free(objective.terms[0].regions[0])
    *_, importance = pack.optimize(objectives={"objective0": objective})
    assert importance[mask == 0].max() == 0
    assert importance[mask == 1].max() == 1


def test_a_schedule_takes_its_objective_along(pack: Pack) -> None:
    (objective,) = pack.run("DAS_TextObjective", clip=pack.clip(Toy()), text="a cat", weight=2.0)
    (scheduled,) = pack.run("DAS_Schedule", objective=objective, start=0.5, end=1.5, curve="cosine")
    (term,) = scheduled.terms
    assert [term.weight_at(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 2.0, 3.0])
    (twice,) = pack.run("DAS_Schedule", objective=scheduled)
    assert twice.terms[0].weight_at(1.0) == pytest.approx(3.0)


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


@each_case("kind", list, torch.tensor, np.array)
def test_numbers_of_another_node_are_one_for_each_frame(pack: Pack, kind: Callable[[list[float]], Any]) -> None:
    loud = [0.0, 0.5, 1.0, 0.25]
    assert over_frames(pack, numbers=kind(loud), frames="0: 1") == loud, "in place of the text"


def ensemble(pack: Pack, *objectives: Any) -> Any:
    connected = {f"objective{number}": objective for number, objective in enumerate(objectives)}
    return pack.run("DAS_Ensemble", objectives=connected)[0]


def test_words_and_classes_go_together(pack: Pack) -> None:
    (words,) = pack.run("DAS_TextObjective", clip=pack.clip(Toy()), text="a cat", weight=0.5)
    both = ensemble(pack, pack.objective(), words)
    assert (both.name, [term.weight_at(0.0) for term in both.terms]) == ("class 0, a cat", [0.5, 0.25])
    (faded,) = pack.run("DAS_Schedule", objective=both, start=0.0, end=2.0)
    assert [term.weight_at(1.0) for term in faded.terms] == [1.0, 0.5]


def ask_keyframes(pack: Pack, text: str = "0: 0 / 4: 1", **inputs: Any) -> Any:
    return pack.run("DAS_Keyframes", model=pack.classifier(Toy()), keyframes=text, **inputs)[0]


def split(objective: Any) -> list[Any]:
    return [type(objective)((term,)) for term in objective.terms]


def factors(objective: Any, frames: int) -> list[list[float]]:
    return [[*part.terms[0].weigh_images(Time(frames).timeline)] for part in split(objective)]


@each_case("text", "0: 0 / 4: 1", "4: 1\n0: 0")
def test_weights_cross_between_keyframes(pack: Pack, text: str) -> None:
    asked = sorted(factors(ask_keyframes(pack, text, curve="linear"), 4), reverse=True)
    assert asked == [[1.0, 0.75, 0.5, 0.25], [0.0, 0.25, 0.5, 0.75]]


def test_a_clip_is_asked_for_cosines(pack: Pack) -> None:
    clip = replace(pack.clip(Toy()), concepts=torch.eye(4))
    (asked,) = pack.run("DAS_Keyframes", model=clip, keyframes="0: a castle / 4: a volcano")
    assert [term.score.similarity for term in asked.terms] == ["cosine", "cosine"]


def test_each_wish_has_a_score_and_its_weight(pack: Pack) -> None:
    asked = ask_keyframes(pack, weight=2.0)
    (stack,) = pack.run("DAS_FilmStack", stack=pack.stack(), frames=4)
    history = pack.optimize(stack=stack, objectives={"objective0": asked}, steps=1)[3]
    assert list(history[0].scores) == ["class 0", "class 1"]
    assert [term.weight for term in asked.terms] == [2.0, 2.0]


def test_words_are_for_a_clip(pack: Pack) -> None:
    read: list[str] = []
    clip = pack.clip(Toy(), texts=read)
    (asked,) = pack.run("DAS_Keyframes", model=clip, keyframes="0: a castle\nfog: 0.3\n4: a volcano / 8: a castle")
    assert [term.name for term in asked.terms] == ["a castle, fog", "a volcano", "a castle"]
    assert read == ["a castle", "fog", "a volcano"]


test_what_cannot_be_is_refused = refuse_all(
    {
        r"an ensemble of 1 shares out nothing; give at least two": lambda pack: ensemble(pack, pack.objective(), None),
        r"numbers is 0.5, not a list of numbers": lambda pack: over_frames(pack, numbers=0.5),
        r"number 2 of numbers is 'b', not a number": lambda pack: over_frames(pack, numbers=[1.0, "b"]),
        r"number 1 of numbers nan is no finite number": lambda pack: over_frames(pack, numbers=[float("nan")]),
        r"has 3 weights and there are 4 frames; .*Film Stack how many": lambda pack: pack.optimize(
            stack=pack.run("DAS_FilmStack", stack=pack.stack(), frames=4)[0],
            objectives={"objective0": pack.run("DAS_Schedule", objective=pack.objective(), frames="0, 1, 0")[0]},
        ),
        r"keyframe 4 of .* beyond the end of 1 image; .*Keyframes and .* say which, Film Stack how many": lambda pack: (
            pack.optimize(objectives={"objective0": ask_keyframes(pack)})
        ),
    }
)
