"""Text Objective and Image Objective: what climbs, what is encoded when, and what they say of bad values."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import STEADY, Pack, Toy, assert_refused, make_holed_image

WISH = "a coral reef full of fish"


def ask(pack: Pack, clip: Any, text: str = WISH, **inputs: Any) -> Any:
    return pack.run("DAS_TextObjective", clip=clip, text=text, **inputs)[0]


def test_a_graph_in_words_climbs_and_is_found_again(pack: Pack, clip: Any) -> None:
    objective = ask(pack, clip)
    image, _, _, history, _ = pack.optimize(
        objectives={"objective0": objective}, augmentation=pack.still(), steps=20, **STEADY
    )
    scores = [record.scores[WISH] for record in history]
    assert scores[-1] > scores[0] + 0.02
    texts = f"a castle\n{WISH}\na cup of coffee"
    text, chart, first = pack.run("DAS_Similarity", clip=clip, image=image, text=texts)
    lines = text.splitlines()
    assert lines[0] == "Starter CLIP (EfficientNet-Lite0) finds near to:"
    assert lines[1].endswith(WISH)
    assert len(lines) == 4
    assert any(line.split() == [f"{first:.3f}", "a", "castle"] for line in lines)
    assert (chart.ndim, chart.shape[0], chart.shape[3]) == (4, 1, 3)
    assert not chart.is_inference()


def test_only_new_prompts_are_encoded(pack: Pack) -> None:
    texts: list[str] = []
    clip = pack.clip(Toy(), texts=texts)
    ask(pack, clip, "a cat\na dog: 0.5")
    assert texts == ["a cat", "a dog"]
    changed = ask(pack, clip, "a cat: 2\na dog: -1", weight=3.0, similarity="spherical")
    (term,) = changed.terms
    assert (term.score.weights, term.weight, term.score.similarity) == ((2.0, -1.0), 3.0, "spherical")
    pack.run("DAS_Similarity", clip=clip, image=torch.rand(1, 9, 9, 3), text="a dog: 7\na bird")
    assert texts == ["a cat", "a dog", "a bird"]


def test_the_text_tower_is_on_the_device_before_prompts_are_encoded(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    clip = pack.clip(Toy(), texts=events)
    monkeypatch.setattr(
        pack.module("nodes.bridge"),
        "load_text_tower",
        lambda reader, texts: events.append(f"loaded for {', '.join(texts)}"),
    )
    ask(pack, clip, "a cat: 2\na dog")
    assert events == ["loaded for a cat, a dog", "a cat", "a dog"]


@each_case("shape", [(1, 20, 50), (3, 16, 16)])
def test_images_are_targets(pack: Pack, shape: tuple[int, ...]) -> None:
    clip = pack.clip(Toy())
    with torch.inference_mode():
        image = torch.rand(*shape, 3)
    (objective,) = pack.run("DAS_ImageObjective", clip=clip, image=image, weight=0.5, similarity="spherical")
    assert objective.terms[0].score.targets.shape == (shape[0], 4)
    assert (objective.terms[0].weight, objective.terms[0].score.similarity) == (0.5, "spherical")
    # Small steps: such a toy is soon as near as it can come.
    slow = STEADY | {"optimizer": {"optimizer": "ascent", "coarse_to_fine": 0.0, "step_size": 0.005}}
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=4, **slow)[3]
    name = "image" if shape[0] == 1 else "3 images"
    assert history[-1].scores[name] > history[0].scores[name]


def test_words_images_and_classes_climb_together(pack: Pack, toy: Any) -> None:
    clip = pack.clip(Toy())
    (image,) = pack.run("DAS_ImageObjective", clip=clip, image=torch.rand(1, 9, 9, 3))
    asked = {
        "objective0": pack.run("DAS_Schedule", objective=ask(pack, clip, "a cat"), start=1.0, end=0.0)[0],
        "objective1": image,
        "objective2": pack.run("DAS_ClassObjective", classifier=toy, classes="1")[0],
    }
    history = pack.optimize(objectives=asked, steps=3)[3]
    assert list(history[0].scores) == ["a cat", "image", "class 1"]
    assert all(record.gradient_norm > 0 for record in history)


def test_tokens_that_are_cut_are_told_in_the_log(pack: Pack, clip: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ask(pack, clip, "fish " * 90)
    assert "15 of its 92 tokens were cut" in caplog.text


def test_a_colon_without_a_number_belongs_to_the_prompt(pack: Pack) -> None:
    objective = ask(pack, pack.clip(Toy()), "poster: a castle\n(a reef:1.3)\na clock at 12:30")
    assert objective.name == "poster: a castle, a reef, a clock at 12:30"
    assert objective.terms[0].score.weights == (1.0, 1.3, 1.0)


def test_only_negative_prompts_climb_away(pack: Pack) -> None:
    objective = ask(pack, pack.clip(Toy()), "a cat: -1")
    history = pack.optimize(objectives={"objective0": objective}, augmentation=pack.still(), steps=4, **STEADY)[3]
    assert history[-1].scores["a cat"] > history[0].scores["a cat"]


@each_case("value", [0.0, 1.0])
def test_a_plain_image_is_a_target(pack: Pack, value: float) -> None:
    (objective,) = pack.run("DAS_ImageObjective", clip=pack.clip(Toy()), image=torch.full((1, 9, 9, 3), value))
    assert bool(objective.terms[0].score.targets.isfinite().all())


def image(pack: Pack, value: Tensor, **inputs: Any) -> object:
    return pack.run("DAS_ImageObjective", clip=pack.clip(Toy()), image=value, **inputs)


BAD: dict[str, Callable[[Pack], object]] = {
    r"no prompt is given; write a prompt a line": lambda pack: ask(pack, pack.clip(Toy()), " \n"),
    r"weight '1,5' in 'a cat: 1,5' has a decimal comma": lambda pack: ask(pack, pack.clip(Toy()), "a cat: 1,5"),
    r"the weight nan of 'a cat: nan' is not between": lambda pack: ask(pack, pack.clip(Toy()), "a cat: nan"),
    r"similarity 'l2' is unknown; choose one of auto, cosine, spherical, log_probability": lambda pack: ask(
        pack, pack.clip(Toy()), "a cat", similarity="l2"
    ),
    r"4 channels .an alpha channel.": lambda pack: image(pack, torch.rand(1, 9, 9, 4)),
    r"1 values that are NaN or infinite": lambda pack: image(pack, make_holed_image()),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
