"""Keyframes: one wish after another over a film, for a classifier and a CLIP, and texts that say nothing."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from das_core.stack.time import Time
from loaded_pack import Pack, Toy, assert_refused


def film(pack: Pack, frames: int = 4) -> Any:
    return pack.run("DAS_FilmStack", stack=pack.stack(), frames=frames)[0]


def ask(pack: Pack, text: str = "0: 0 / 4: 1", **inputs: Any) -> Any:
    return pack.run("DAS_Keyframes", model=pack.classifier(Toy()), keyframes=text, **inputs)[0]


def split(objective: Any) -> list[Any]:
    return [type(objective)((term,)) for term in objective.terms]


def factors(objective: Any, frames: int) -> list[list[float]]:
    return [[*part.terms[0].weigh_images(Time(frames).timeline)] for part in split(objective)]


@each_case("text", ["0: 0 / 4: 1", "0: 0\n4: 1", '"0": "0", "4": "1"', "4: 1 / 0: 0"])
def test_weights_cross_between_keyframes(pack: Pack, text: str) -> None:
    asked = sorted(factors(ask(pack, text, curve="linear"), 4), reverse=True)
    assert asked == [[1.0, 0.75, 0.5, 0.25], [0.0, 0.25, 0.5, 0.75]]
    first, last = sorted(factors(ask(pack, text), 4), reverse=True)
    assert first == pytest.approx([(1 + math.cos(math.pi * frame / 4)) / 2 for frame in range(4)])
    assert last == pytest.approx([1 - factor for factor in first])
    assert factors(ask(pack, "0: 0 / 4: 1", curve="step"), 4)[0] == [1.0, 1.0, 0.0, 0.0]


def test_a_clip_is_asked_for_cosines(pack: Pack) -> None:
    clip = replace(pack.clip(Toy()), concepts=torch.eye(4))
    (asked,) = pack.run("DAS_Keyframes", model=clip, keyframes="0: a castle / 4: a volcano")
    assert [term.score.similarity for term in asked.terms] == ["cosine", "cosine"]


def test_each_wish_has_a_score_and_the_film_is_that_of_the_library(pack: Pack) -> None:
    asked, stack = ask(pack, weight=2.0), film(pack)
    made, *_, history, _ = pack.optimize(stack=stack, objectives={"objective0": asked}, steps=3)
    assert list(history[0].scores) == ["class 0", "class 1"]
    apart = {f"objective{place}": part for place, part in enumerate(split(asked))}
    assert torch.equal(made, pack.optimize(stack=stack, objectives=apart, steps=3)[0])
    assert [term.weight for term in asked.terms] == [2.0, 2.0]


def test_frames_go_where_they_are_asked_to(pack: Pack) -> None:
    asked = {"objective0": ask(pack, "0: 0 / 3: 1")}
    made = pack.optimize(stack=film(pack), objectives=asked, steps=12)[0]
    judge = pack.classifier(Toy())
    probability = judge(made.movedim(-1, 1)[:, :, 24:40, 24:40]).log_softmax(dim=1)
    shift = probability[:, 1] - probability[:, 0]
    assert shift[3] > shift[0]


def test_words_are_for_a_clip(pack: Pack) -> None:
    read: list[str] = []
    clip = pack.clip(Toy(), texts=read)
    (asked,) = pack.run("DAS_Keyframes", model=clip, keyframes="0: a castle\nfog: 0.3\n4: a volcano / 8: a castle")
    assert [term.name for term in asked.terms] == ["a castle, fog", "a volcano", "a castle"]
    assert read == ["a castle", "fog", "a volcano"]
    assert torch.isfinite(pack.optimize(stack=film(pack, 9), objectives={"objective0": asked})[0]).all()


def test_a_region_moves_over_the_frames(pack: Pack) -> None:
    mask = torch.zeros(4, 64, 64)
    for frame in range(4):
        mask[frame, :, 10 * frame : 10 * frame + 32] = 1
    (inside,) = pack.run("DAS_Region", objective=ask(pack), mask=mask)
    importance = pack.optimize(stack=film(pack), objectives={"objective0": inside}, steps=4)[4]
    assert importance[mask == 0].max() == 0
    assert all(frame.max() > 0 for frame in importance)


def optimize(pack: Pack, **inputs: Any) -> object:
    return pack.optimize(**({"stack": film(pack)} | inputs))


BAD: dict[str, Callable[[Pack], object]] = {
    r"'' does not begin with a keyframe; write": lambda pack: ask(pack, ""),
    r"'castle' does not begin with a keyframe": lambda pack: ask(pack, "castle"),
    r"keyframe 4 is empty": lambda pack: ask(pack, "0: 0 / 4:"),
    r"keyframe 0 stands there twice": lambda pack: ask(pack, "0: 0 / 0: 1"),
    r"class 'nothing' is unknown": lambda pack: ask(pack, "0: nothing"),
    r"curve 'wave' is unknown": lambda pack: ask(pack, curve="wave"),
    r"keyframe 5 of .* is beyond the end of 4 frames; .*Film Stack says how many": lambda pack: optimize(
        pack, objectives={"objective0": ask(pack, "0: 0 / 5: 1")}
    ),
    r"keyframe 4 of .* is beyond the end of 1 image; .*Film Stack says how many there are": lambda pack: optimize(
        pack, stack=pack.stack(), objectives={"objective0": ask(pack)}
    ),
    r"3 region masks do not go with 4 images": lambda pack: optimize(
        pack, objectives={"objective0": pack.run("DAS_Region", objective=ask(pack), mask=torch.ones(3, 64, 64))[0]}
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
