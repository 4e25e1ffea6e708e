"""What a text, a number or an objective means to a model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tinyclip
from cases import each_case
from das_core.facade.reading import read_keyframe, read_wish
from das_core.facade.wishes import classes, text
from das_core.models.judge import Judge
from das_core.objectives.classes import ClassScore, class_objective
from das_core.objectives.embedding import EmbeddingScore
from das_core.objectives.feature import FeatureScore
from toys import classifier, judge

TOY, PLAIN, CLIP = classifier(), judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())), tinyclip.clip()
ATTENTION = "transformer.resblocks.1.attn"


@each_case(
    ("model", "words", "name", "kind"),
    [
        (TOY, "0:3", "0 channel 3", FeatureScore),
        (TOY, " 0 : 3 ", "0 channel 3", FeatureScore),
        (TOY, "0\uff1a3", "0 channel 3", FeatureScore),
        (TOY, "0", "0", FeatureScore),
        (TOY, "class 1", "class 1", ClassScore),
        (TOY, "7", "class 7", ClassScore),
        (CLIP, "visual.transformer.resblocks.1:12", "transformer.resblocks.1 channel 12", FeatureScore),
        (CLIP, "visual.transformer.resblocks.1", "transformer.resblocks.1", FeatureScore),
        (CLIP, f"{ATTENTION}#heads:0", f"{ATTENTION} head 0", FeatureScore),
        (PLAIN, "0:2", "0 channel 2", FeatureScore),
    ],
)
def test_a_text_is_a_layer_where_there_is_one(model: Judge, words: str, name: str, kind: type) -> None:
    (found,) = read_wish(words).resolve(model).terms
    assert found.name == name
    assert isinstance(found.score, kind)


@each_case(
    ("ask", "says"),
    [
        (lambda: read_wish(True), "a bool is nothing to ask for"),
        (lambda: read_wish(np.arange(3)), "a ndarray is nothing to ask for; .* the index of a class or a list of"),
        (lambda: read_wish(None), "is nothing to ask for"),
        (lambda: read_wish(3.5), "is nothing to ask for"),
        (lambda: read_wish({"jellyfish": 1}), "is nothing to ask for"),
        (lambda: read_wish("jellyfish").resolve(PLAIN), "layer 'jellyfish' is not in toy; there is 0, 1"),
        (lambda: classes(3).resolve(PLAIN), "toy knows no classes"),
        (
            lambda: read_wish("visual.transformer.resblocks.6:12").resolve(CLIP),
            r"layer 'visual.transformer.resblocks.6' is not in tiny; the nearest are transformer.resblocks.\d, ",
        ),
        (
            lambda: read_wish("layr3:12").resolve(CLIP),
            r"layer 'layr3' .*\. A prompt .* is text\('layr3:12'\)",
        ),
        (lambda: read_wish("layr3:12").resolve(TOY), "If a channel is meant: layer 'layr3' is not in toy"),
        (lambda: read_wish("2:-1").resolve(TOY), "channel -1 is out of range; layer 2 has channels 0 to 31"),
        (lambda: read_wish("2:1,2").resolve(TOY), r"'1,2' is no channel of layer 2; .* channels\('2', \[0, 1\]\) for"),
        (lambda: read_wish(f"{ATTENTION}#heads:1").resolve(CLIP), "head 1 is out of range; .* has heads 0 to 0"),
    ],
)
def test_what_is_no_wish_or_none_for_a_model_without_classes_is_refused(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask()


@each_case("wish", ["class 3", "class 3, class 5: 0.5", 3, [3, 5], (3, 5), range(3), np.int64(3), [np.int64(3)]])
def test_a_class_that_is_named_alone_is_asked_by_its_logit_at_a_keyframe_only(wish: Any) -> None:
    of_picture, of_frame = (read(wish).resolve(TOY).terms[0].score for read in (read_wish, read_keyframe))
    assert isinstance(of_picture, ClassScore)
    assert isinstance(of_frame, ClassScore)
    assert (of_picture.kind, of_frame.kind) == ("log_probability", "logit")
    assert of_picture.targets == of_frame.targets


def test_a_prompt_is_compared_by_its_cosine_at_a_keyframe_only_and_what_says_how_it_is_asked_is_left_as_it_is() -> None:
    clip = replace(tinyclip.clip(), concepts=torch.eye(tinyclip.clip().width))
    wishes = [read_wish("a cat"), read_keyframe("a cat"), read_keyframe(text("a cat"))]
    scores = [wish.resolve(clip).terms[0].score for wish in wishes]
    assert [one.similarity for one in scores if isinstance(one, EmbeddingScore)] == [
        "log_probability",
        "cosine",
        "log_probability",
    ]
    margin = class_objective(TOY, 3, "margin")
    assert read_keyframe(margin).resolve(TOY) is margin
    chosen = read_keyframe(classes(3)).resolve(TOY).terms[0].score
    assert isinstance(chosen, ClassScore)
    assert chosen.kind == "log_probability"
