"""Keyframes: one wish after another over a film, for a classifier and a CLIP, and texts that say nothing."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from das_core.stack.time import Time
from loaded_pack import Pack, Toy, refuse_all


def ask(pack: Pack, text: str = "0: 0 / 4: 1", **inputs: Any) -> Any:
    return pack.run("DAS_Keyframes", model=pack.classifier(Toy()), keyframes=text, **inputs)[0]


def split(objective: Any) -> list[Any]:
    return [type(objective)((term,)) for term in objective.terms]


def factors(objective: Any, frames: int) -> list[list[float]]:
    return [[*part.terms[0].weigh_images(Time(frames).timeline)] for part in split(objective)]


@each_case("text", ["0: 0 / 4: 1", "4: 1\n0: 0"])
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


def test_each_wish_has_a_score_and_its_weight(pack: Pack) -> None:
    asked = ask(pack, weight=2.0)
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
        r"'castle' does not begin with a keyframe": lambda pack: ask(pack, "castle"),
        r"class 'nothing' is unknown": lambda pack: ask(pack, "0: nothing"),
        r"keyframe 4 of .* is beyond the end of 1 image; .*Film Stack says how many there are": lambda pack: (
            pack.optimize(objectives={"objective0": ask(pack)})
        ),
    }
)
