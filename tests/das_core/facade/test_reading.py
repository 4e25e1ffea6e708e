"""What a text, a number or an objective means to a model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import tinyclip
from cases import each_case
from das_core.facade.reading import read_keyframe, read_wish
from das_core.facade.wishes import classes, text
from das_core.models.judge import Judge
from das_core.objectives.classes import ClassObjective
from das_core.objectives.embedding import TextObjective
from das_core.objectives.feature import FeatureObjective
from toys import classifier, judge

TOY, PLAIN = classifier(), judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))


@each_case(
    ("model", "words", "name", "kind"),
    [
        (TOY, "0:3", "0 channel 3", FeatureObjective),
        (TOY, " 0 : 3 ", "0 channel 3", FeatureObjective),
        (TOY, "0\uff1a3", "0 channel 3", FeatureObjective),
        (TOY, "0", "0", FeatureObjective),
        (TOY, "class 1", "class 1", ClassObjective),
        (TOY, "7", "class 7", ClassObjective),
        (PLAIN, "0:2", "0 channel 2", FeatureObjective),
    ],
)
def test_a_text_is_a_layer_where_there_is_one(model: Judge, words: str, name: str, kind: type) -> None:
    (found,) = read_wish(words).resolve(model)
    assert found.name == name
    assert isinstance(found, kind)


@each_case(
    ("ask", "says"),
    [
        (lambda: read_wish(None), "is nothing to ask for"),
        (lambda: read_wish(3.5), "is nothing to ask for"),
        (lambda: read_wish({"jellyfish": 1}), "is nothing to ask for"),
        (lambda: read_wish("jellyfish").resolve(PLAIN), "layer 'jellyfish' is not in toy; there is 0, 1"),
        (lambda: classes(3).resolve(PLAIN), "toy knows no classes"),
    ],
)
def test_what_is_no_wish_or_none_for_a_model_without_classes_is_refused(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask()


@each_case("wish", ["class 3", "class 3, class 5: 0.5", 3, [3, 5]])
def test_a_class_that_is_named_alone_is_asked_by_its_logit_at_a_keyframe_only(wish: Any) -> None:
    (of_picture,), (of_frame,) = (read(wish).resolve(TOY) for read in (read_wish, read_keyframe))
    assert isinstance(of_picture, ClassObjective)
    assert isinstance(of_frame, ClassObjective)
    assert (of_picture.score_kind, of_frame.score_kind) == ("log_probability", "logit")
    assert of_picture.targets == of_frame.targets


def test_a_prompt_is_compared_by_its_cosine_at_a_keyframe_only_and_what_says_how_it_is_asked_is_left_as_it_is() -> None:
    clip = replace(tinyclip.clip(), concepts=torch.eye(tinyclip.clip().width))
    asked = [read("a cat").resolve(clip)[0] for read in (read_wish, read_keyframe)]
    asked += read_keyframe(text("a cat")).resolve(clip)
    found = [one.similarity for one in asked if isinstance(one, TextObjective)]
    assert found == ["log_probability", "cosine", "log_probability"]
    margin = ClassObjective(TOY, 3, "margin")
    assert read_keyframe(margin).resolve(TOY) == [margin]
    (chosen,) = read_keyframe(classes(3)).resolve(TOY)
    assert isinstance(chosen, ClassObjective)
    assert chosen.score_kind == "log_probability"
