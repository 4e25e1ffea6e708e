"""The table of words: what of held-out words and sentences it finds, packing, learning, and the fit of meanings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cases import each_case
from das_core.models.hypernyms import list_hypernyms
from das_core.models.sources.starters import (
    SECOND_OPINION,
    STARTER,
    THIRD_OPINION,
    Starter,
    compute_class_directions,
    read_starter,
)
from das_core.models.word_table import FILE, read_word_table
from generators import make_words
from generators.class_sentences import CONTEXTS, ClassSentence, write_class_sentences
from generators.make_words import RIDGE, compose_prompts, fit_meanings, learn, pack, write_table
from held_out_sentences import NAMES, NEW_CONTEXTS, SPOKEN, Asked, Material, measure, spread

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "starter_clip.md"


def directions_of(tower: Starter) -> torch.Tensor:
    return compute_class_directions(read_starter(tower)[1]["classifier.weight"])


@pytest.fixture(scope="module")
def material() -> Material:
    embed, sentences = read_word_table().embed, write_class_sentences()
    words = [hypernym for hypernym in list_hypernyms() if len(hypernym.classes) > 1]
    texts = [context.format(hypernym.words[0]) for context in NEW_CONTEXTS for hypernym in words]
    spoken = Asked(embed([*SPOKEN]), [spread(ranges) for ranges in SPOKEN.values()])
    covered = [set(hypernym.classes) for hypernym in words] * len(NEW_CONTEXTS)
    return Material(sentences, embed([one.text for one in sentences]), spoken, Asked(embed(texts), covered))


def read_documented(title: str) -> list[float]:
    """The row of the table in the documentation that begins with the title."""
    (row,) = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {title} |")]
    return [float(cell.strip(" %")) / 100 for cell in row.split("|")[2:-1]]


@each_case("tower", STARTER, SECOND_OPINION, THIRD_OPINION)
def test_documented_shares_of_what_was_held_out_are_found(material: Material, tower: Starter) -> None:
    shares = measure(material, directions_of(tower))
    assert list(shares) == pytest.approx(read_documented(tower.title), abs=0.04), shares
    # Chance is 0.01.
    assert shares.names > 0.4


def test_the_shipped_meanings_are_fitted_to_the_shipped_table(material: Material) -> None:
    table = read_word_table()
    fitted = fit_meanings(material.embeddings, material.sentences, directions_of(STARTER))
    torch.testing.assert_close(table.meanings, fitted, atol=2e-3, rtol=2e-3)
    answers = (
        table.embed([f"a photo of a {name} on the moon" for name in NAMES]) @ table.meanings @ directions_of(STARTER)
    )
    first = (answers @ directions_of(STARTER).T).argmax(dim=1)
    assert float((first == torch.arange(1000)).float().mean()) > 0.75
    assert FILE.stat().st_size < 6e6


def test_nothing_that_is_asked_about_is_learned_from() -> None:
    written = {sentence.text for sentence in write_class_sentences()} | set(compose_prompts())
    assert not written & set(SPOKEN)
    assert not set(CONTEXTS) & set(NEW_CONTEXTS)


def test_a_table_is_packed_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("[UNK]", "red", "fox", "##es")
    rows = F.pad(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)) * 5, (0, 0, 1, 0))
    table = pack(words, rows, torch.eye(16))
    write_table(table, tmp_path / "words.safetensors")
    monkeypatch.setattr("das_core.models.word_table.FILE", tmp_path / "words.safetensors")
    read = read_word_table.__wrapped__()
    assert list(read.words) == list(words)
    # A code of three bits is at most half a level off, and what lies beyond the outermost levels is cut there.
    reach = table.scales * table.lengths[1:, None] * 2
    cut = torch.minimum(rows[1:].abs(), reach) * rows[1:].sign()
    assert bool(((read.read_rows(torch.tensor([1, 2, 3])) - cut).abs() <= reach / 7 * 1.01).all())
    # A text is the sum of its words, whatever their case; one that is not known says nothing.
    (sum_of_three,) = read.embed(["Red foxes!"])
    torch.testing.assert_close(sum_of_three, F.normalize(read.read_rows(torch.tensor([1, 2, 3])).sum(dim=0), dim=0))
    assert not read.embed(["猫", ""]).any()


def test_learning_brings_sums_near_to_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_words, "_HELD_OUT", 40)
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(30, 8, generator=generator)
    split = torch.randint(1, 30, (400, 3), generator=generator).tolist()
    wanted = F.normalize(torch.stack([true[one].sum(dim=0) for one in split]), dim=1)
    begin = true + torch.randn(30, 8, generator=generator)
    monkeypatch.setattr(make_words, "_BATCH", 32)

    def compare(rows: torch.Tensor) -> float:
        sums = torch.stack([rows[one].sum(dim=0) for one in split])
        return float((F.normalize(sums, dim=1) * wanted).sum(dim=1).mean())

    begin[0] = 0
    learned = learn(begin, split, wanted)
    assert compare(learned) > compare(begin) + 0.1
    assert not learned[0].any()


def test_the_fit_is_weighted_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    x, directions = torch.randn(30, 5, generator=generator), F.normalize(torch.randn(7, 9, generator=generator), dim=1)
    members = [(0,), (1,), (2, 4), (6, 3, 1), (5,)]
    sentences = [ClassSentence("", members[row % 5], 1.0 + row % 3) for row in range(30)]
    targets = np.zeros((30, 7))
    for row, sentence in zip(targets, sentences, strict=True):
        row[list(sentence.classes)] = 1 / np.linalg.norm(directions[list(sentence.classes)].sum(dim=0).numpy())
    # The same as least squares with a row of zeros to reach for each direction.
    root = np.sqrt([sentence.weight for sentence in sentences])[:, None]
    rows = np.concatenate([x.numpy() * root, RIDGE**0.5 * np.eye(5)])
    expected = np.linalg.lstsq(rows, np.concatenate([targets * root, np.zeros((5, 7))]), rcond=None)[0]
    np.testing.assert_allclose(fit_meanings(x, sentences, directions).numpy(), expected, atol=1e-4, rtol=1e-4)
