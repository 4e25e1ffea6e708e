"""What a text, a number or an objective means to a model."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

import direct_ascent as da
import tinyclip
from cases import each_case, refuses
from das_core.facade.reading import read_objective
from das_core.objectives.classes import ScoreKind
from direct_ascent import Judge
from toys import classifier, judge

TOY, PLAIN, CLIP = classifier(), judge(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())), tinyclip.clip()
ATTENTION = "transformer.resblocks.1.attn"


@each_case(
    ("model", "words", "name", "kind"),
    (TOY, " 0 : 3 ", "0 channel 3", "FeatureScore"),
    (TOY, "0\uff1a3", "0 channel 3", "FeatureScore"),
    (TOY, "0", "0", "FeatureScore"),
    (TOY, "class 1", "class 1", "ClassScore"),
    (TOY, "7", "class 7", "ClassScore"),
    (CLIP, "visual.transformer.resblocks.1:12", "transformer.resblocks.1 channel 12", "FeatureScore"),
    (CLIP, "visual.transformer.resblocks.1", "transformer.resblocks.1", "FeatureScore"),
    (CLIP, f"{ATTENTION}#heads:0", f"{ATTENTION} head 0", "FeatureScore"),
    (CLIP, "a cat", "a cat", "EmbeddingScore"),
    (PLAIN, "0:2", "0 channel 2", "FeatureScore"),
)
def test_a_text_is_a_layer_where_there_is_one(model: Judge, words: str, name: str, kind: str) -> None:
    (found,) = read_objective(words).on(model).list_terms()
    assert (found.name, type(found.score).__name__) == (name, kind)


test_what_is_no_wish_or_none_for_a_model_is_refused = refuses(
    lambda model, wish: read_objective(wish).on(model),
    (TOY, True, "a bool is nothing to ask for"),
    (TOY, np.arange(3), "a ndarray is nothing to ask for; .* the index of a class or a list of"),
    (TOY, {"jellyfish": 1}, "is nothing to ask for"),
    (PLAIN, "jellyfish", "layer 'jellyfish' is not in toy; there is 0, 1"),
    (
        CLIP,
        "visual.transformer.resblocks.6:12",
        r"layer 'visual.transformer.resblocks.6' is not in tiny; the nearest are transformer.resblocks.\d, ",
    ),
    (CLIP, "layr3:12", r"layer 'layr3' .*\. A prompt .* is text\('layr3:12'\)"),
    (TOY, "layr3:12", "class 'layr3' is unknown .*If a channel is meant: layer 'layr3' is not in toy"),
    (TOY, "2:-1", "channel -1 is out of range; layer 2 has channels 0 to 31"),
    (TOY, "2:1,2", r"'1,2' is no channel of layer 2; .* channels\('2', \[0, 1\]\) for"),
    (TOY, "2:1:3,4", r"'2:1:3,4' has two colons; write neuron\('2', 1, \(3,4\)\) for the place 3,4 of channel 1"),
    (PLAIN, "0:1:2", r"has two colons; write neuron\('0', 1, \(2,\)\) .* or 0.5 \* channel\('0', 1\) with a weight"),
    (TOY, -1 * "class 3", r"an empty text asks for nothing; .* write -1 \* classes\('goldfish'\)"),
    (CLIP, " ", "an empty text asks for nothing"),
    (CLIP, f"{ATTENTION}#heads:1", "head 1 is out of range; .* has heads 0 to 0"),
    (TOY, da.text("a cat"), "toy reads no words; load a CLIP"),
)


@each_case("wish", "class 3", "class 3, class 5: 0.5", 3, [3, 5], (3, 5), range(3), np.int64(3), [np.int64(3)])
def test_a_class_that_is_named_alone_is_asked_by_its_share_at_a_keyframe_only(wish: Any) -> None:
    of_picture, of_frame = score_of(wish), score_of(wish, score="share")
    assert (of_picture.kind, of_frame.kind) == ("log_probability", "share")
    assert of_picture.targets == of_frame.targets


def score_of(wish: Any, model: Judge = TOY, score: ScoreKind = "log_probability") -> Any:
    return read_objective(wish, score).on(model).list_terms()[0].score


def test_a_prompt_is_compared_by_its_cosine_at_a_keyframe_only_and_what_says_how_it_is_asked_is_left_as_it_is() -> None:
    clip = replace(CLIP, concepts=torch.eye(CLIP.width))
    assert score_of("a cat", clip).similarity == "log_probability"
    assert [score_of(wish, clip, "share").similarity for wish in ("a cat", da.text("a cat"))] == [
        "cosine",
        "log_probability",
    ]
    margin = da.classes(3, "margin").on(TOY)
    assert read_objective(margin, "share") is margin
    assert score_of(da.classes(3), score="share").kind == "log_probability"
