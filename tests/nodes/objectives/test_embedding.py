"""Text Objective and Image Objective: what climbs, what is encoded when, and what they say of bad values."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import STEADY, Pack, Toy
from running_node import Running

WISH = "a coral reef full of fish"


def ask(pack: Pack, clip: Any, text: str = WISH, **inputs: Any) -> Any:
    return pack.run("DAS_TextObjective", clip=clip, text=text, **inputs)[0]


def test_a_graph_in_words_climbs_and_is_found_again(pack: Pack, clip: Any) -> None:
    objectives = {"objective0": ask(pack, clip)}
    image, _, _, history, _ = pack.optimize(objectives=objectives, augmentation=pack.still(), steps=20, **STEADY)
    assert history[-1].scores[WISH] > history[0].scores[WISH] + 0.02
    text, *_ = pack.run("DAS_Similarity", clip=clip, image=image, text=f"a castle\n{WISH}\na cup of coffee")
    assert text.splitlines()[1].endswith(WISH)


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


def test_the_text_tower_is_there_before_prompts_are_encoded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    clip = pack.clip(Toy(), texts=events)
    monkeypatch.setattr(
        pack.module("nodes.bridge"),
        "load_text_tower",
        lambda reader, texts: events.append(f"loaded for {', '.join(texts)}"),
    )
    ask(pack, clip, "a cat: 2\na dog")
    assert events == ["loaded for a cat, a dog", "a cat", "a dog"]


@each_case("shape", (1, 20, 50), (3, 16, 16))
def test_images_are_targets(pack: Pack, shape: tuple[int, ...]) -> None:
    with torch.inference_mode():
        image = torch.rand(*shape, 3)
    given = {"clip": pack.clip(Toy()), "image": image, "weight": 0.5, "similarity": "spherical"}
    (objective,) = pack.run("DAS_ImageObjective", **given)
    assert objective.terms[0].score.targets.shape == (shape[0], 4)
    assert (objective.terms[0].weight, objective.terms[0].score.similarity) == (0.5, "spherical")
    assert torch.isfinite(pack.optimize(objectives={"objective0": objective}, steps=1)[0]).all()


WARNING = "toy reads Latin letters and hardly understands '{}': write English, or load a multilingual CLIP"


@pytest.fixture
def latin(pack: Pack) -> Any:
    """A CLIP that reads Latin letters."""
    clip = pack.clip(Toy())
    return replace(clip, text=replace(clip.text_tower, reads=pack.module("das_core.models.text_tower").is_mostly_latin))


@each_case(
    ("node", "inputs", "unread"),
    ("DAS_TextObjective", {"clip": None, "text": "a cat\n\u57ce\u5821: 0.5"}, "\u57ce\u5821"),
    ("DAS_Keyframes", {"model": None, "keyframes": "0: \u57ce\u5821"}, "\u57ce\u5821"),
    ("DAS_Similarity", {"clip": None, "image": torch.rand(1, 9, 9, 3), "text": "(\u732b:2)\na cat"}, "\u732b"),
    ("DAS_TextObjective", {"clip": None, "text": "a cat"}, ""),
)
def test_of_texts_that_a_clip_was_not_made_to_read_a_node_warns_and_goes_on(
    pack: Pack, latin: Any, monkeypatch: pytest.MonkeyPatch, node: str, inputs: dict[str, Any], unread: str
) -> None:
    shown: list[tuple[str, str | None]] = []
    monkeypatch.setattr(pack.module("nodes.bridge"), "warn_on_node", lambda text, node: shown.append((text, node)))
    pack.run(node, **{name: latin if value is None else value for name, value in inputs.items()})
    assert shown == ([(WARNING.format(unread), "1")] if unread else [])


@each_case(("node", "inputs"), ("TextObjective", ("clip", "text")), ("Keyframes", ("model", "keyframes")))
def test_the_warning_is_the_last_text_on_a_node_that_has_read_for_long(
    pack: Pack, latin: Any, running: Running, monkeypatch: pytest.MonkeyPatch, node: str, inputs: tuple[str, str]
) -> None:
    ticks = itertools.count(0, 5)
    monkeypatch.setattr(pack.module("nodes.bridge.progress").time, "monotonic", lambda: float(next(ticks)))
    pack.run(f"DAS_{node}", **dict(zip(inputs, (latin, "0: \u57ce\u5821"), strict=True)))
    assert running.server.texts[-2].startswith("reading the prompts: done in ")
    assert running.server.texts[-1].startswith("toy reads Latin letters")
