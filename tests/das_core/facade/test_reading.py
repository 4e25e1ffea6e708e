"""What a text, a number or an objective means to a model."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import tinyclip
from cases import each_case
from das_core.facade.reading import read_keyframe, read_wish
from das_core.facade.wishes import classes, text
from das_core.objectives.classes import ClassObjective
from das_core.objectives.embedding import TextObjective
from das_core.objectives.feature import FeatureObjective
from toys import classifier, judge


@each_case(
    ("words", "name"),
    [
        ("0:3", "0 channel 3"),
        (" 0 : 3 ", "0 channel 3"),
        ("0\uff1a3", "0 channel 3"),
        ("0", "0"),
        ("class 1", "class 1"),
        ("7", "class 7"),
    ],
)
def test_a_text_is_a_layer_where_there_is_one(words: str, name: str) -> None:
    (found,) = read_wish(words).resolve(classifier())
    assert found.name == name


def test_a_model_without_classes_is_asked_for_layers_only() -> None:
    plain = judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    (found,) = read_wish("0:2").resolve(plain)
    assert isinstance(found, FeatureObjective)
    with pytest.raises(ValueError, match="layer 'jellyfish' is not in toy; there is 0, 1"):
        read_wish("jellyfish").resolve(plain)
    with pytest.raises(ValueError, match="toy knows no classes"):
        classes(3).resolve(plain)


@each_case("wish", [None, 3.5, {"jellyfish": 1}])
def test_what_is_no_wish_is_refused(wish: Any) -> None:
    with pytest.raises(ValueError, match="is nothing to ask for"):
        read_wish(wish)


@each_case("wish", ["class 3", "class 3, class 5: 0.5", 3, [3, 5]])
def test_a_class_that_is_named_alone_is_asked_by_its_logit_at_a_keyframe_only(wish: Any) -> None:
    toy = classifier()
    (of_picture,), (of_frame,) = (read(wish).resolve(toy) for read in (read_wish, read_keyframe))
    assert isinstance(of_picture, ClassObjective)
    assert isinstance(of_frame, ClassObjective)
    assert (of_picture.score_kind, of_frame.score_kind) == ("log_probability", "logit")
    assert of_picture.targets == of_frame.targets


def test_a_prompt_is_compared_by_its_cosine_at_a_keyframe_only() -> None:
    clip = replace(tinyclip.clip(), concepts=torch.eye(tinyclip.clip().width))
    asked = [read("a cat").resolve(clip)[0] for read in (read_wish, read_keyframe)]
    asked += read_keyframe(text("a cat")).resolve(clip)
    found = [one.similarity for one in asked if isinstance(one, TextObjective)]
    assert found == ["log_probability", "cosine", "log_probability"]


def test_what_says_how_it_is_asked_is_left_as_it_is() -> None:
    toy = classifier()
    margin = ClassObjective(toy, 3, "margin")
    assert read_keyframe(margin).resolve(toy) == [margin]
    (chosen,) = read_keyframe(classes(3)).resolve(toy)
    assert isinstance(chosen, ClassObjective)
    assert chosen.score_kind == "log_probability"
