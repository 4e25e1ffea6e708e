"""Prompts in a script that the model was not made to read: the run goes on, with a warning on the node."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from loaded_pack import Pack, Toy
from running_node import Running

WARNING = "toy reads Latin letters and hardly understands '{}': write English, or load a multilingual CLIP"
Shown = list[tuple[str, str | None]]


@pytest.fixture
def shown(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What nodes have warned of: a warning and the id of the node."""
    warnings: Shown = []
    monkeypatch.setattr(pack.module("nodes.bridge"), "warn_on_node", lambda text, node: warnings.append((text, node)))
    return warnings


@pytest.fixture
def latin(pack: Pack) -> Any:
    """A CLIP that reads Latin letters."""
    clip = pack.clip(Toy())
    return replace(clip, text=replace(clip.text_tower, reads=pack.module("das_core.models.scripts").is_mostly_latin))


def test_text_objective_warns_and_goes_on(pack: Pack, latin: Any, shown: Shown) -> None:
    (objective,) = pack.run("DAS_TextObjective", clip=latin, text="a cat\n\u57ce\u5821: 0.5")
    assert objective.name == "a cat, \u57ce\u5821"
    assert shown == [(WARNING.format("\u57ce\u5821"), "1")]
    pack.run("DAS_TextObjective", clip=latin, text="a cat")
    assert not shown[1:]


def test_similarity_warns_and_goes_on(pack: Pack, latin: Any, shown: Shown) -> None:
    text, *_ = pack.run("DAS_Similarity", clip=latin, image=torch.rand(1, 9, 9, 3), text="(\u732b:2)\na cat")
    assert "\u732b" in text
    assert shown == [(WARNING.format("\u732b"), "1")]


@each_case(
    ("node", "inputs"),
    [
        ("DAS_TextObjective", {"text": "\u57ce\u5821"}),
        ("DAS_Keyframes", {"keyframes": "0: \u57ce\u5821"}),
    ],
)
def test_the_warning_is_the_last_text_on_a_node_that_has_read_for_long(
    pack: Pack, latin: Any, running: Running, monkeypatch: pytest.MonkeyPatch, node: str, inputs: dict[str, str]
) -> None:
    now = 0.0

    def encode_slowly(text: str) -> torch.Tensor:
        nonlocal now
        now += 5
        return torch.ones(4)

    monkeypatch.setattr(pack.module("nodes.bridge.wait").time, "monotonic", lambda: now)
    slow = replace(latin, text=replace(latin.text_tower, encode=encode_slowly))
    running.server.sent.clear()
    model = "clip" if node == "DAS_TextObjective" else "model"
    pack.run(node, **{model: slow}, **inputs)
    assert running.server.texts == ["reading the prompts: done in 5 s", WARNING.format("\u57ce\u5821")]


def test_a_clip_that_reads_everything_gives_no_warning(pack: Pack, shown: Shown) -> None:
    pack.run("DAS_TextObjective", clip=pack.clip(Toy()), text="\u57ce\u5821")
    assert not shown


def test_the_starter_was_made_to_read_latin_letters(pack: Pack, clip: Any, shown: Shown) -> None:
    pack.run("DAS_TextObjective", clip=clip, text="un ch\u00e2teau\n\u0437\u0430\u043c\u043e\u043a")
    ((warning, _),) = shown
    assert warning is not None
    assert warning.startswith("Starter CLIP (EfficientNet-Lite0) reads Latin letters")
    assert "'\u0437\u0430\u043c\u043e\u043a'" in warning
