"""Sentences about the classes of ImageNet, and the directions that they stand for."""

from itertools import pairwise

import numpy as np
import torch

from das_core.models.hypernyms import list_hypernyms
from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.class_sentences import (
    CONTEXTS,
    ClassSentence,
    compute_class_directions,
    compute_targets,
    write_class_sentences,
)

NAMES = [imagenet_labels().name(index) for index in range(1000)]


def test_every_class_and_every_word_has_its_sentences() -> None:
    sentences = write_class_sentences()
    counts = torch.bincount(torch.tensor([index for _, (index, *_), _ in sentences[:4000]]), minlength=1000)
    assert (int(counts.min()), int(counts.max())) == (4, 4)
    jellyfish = sentences[107 * 4 : 108 * 4]
    assert jellyfish[:3] == [
        ClassSentence("jellyfish", (107,), 1.0),
        ClassSentence("a photo of a jellyfish.", (107,), 1.0),
        ClassSentence("a close-up of a jellyfish", (107,), 2.0),
    ]
    assert jellyfish[3].text.startswith("any of numerous usually marine and free-swimming coelenterates")
    assert jellyfish[3][1:] == ((107,), 2.0)
    words = [word for hypernym in list_hypernyms() for word in hypernym.words]
    assert len(sentences) == 4000 + 3 * len(words)
    # 118 classes are dogs.
    dogs = [sentence for sentence in sentences[4000:] if sentence.classes == tuple(range(151, 269))]
    assert [sentence.text for sentence in dogs[:2]] == ["dog", "a photo of a dog."]
    assert [sentence.text for sentence in dogs[3:5]] == ["puppy", "a photo of a puppy."]
    assert [round(sentence.weight, 2) for sentence in dogs] == [2.45, 2.45, 4.90] * 2


def test_names_take_the_contexts_in_turn() -> None:
    rows = write_class_sentences()[2:4000:4]
    contexts = [sentence.text.replace(name, "{}", 1) for name, sentence in zip(NAMES, rows, strict=True)]
    assert set(contexts) == set(CONTEXTS)
    assert all(one != other for one, other in pairwise(contexts))
    assert all(context.count("{}") == 1 for context in CONTEXTS)


def test_the_target_of_a_sentence_is_the_mean_direction_of_its_classes_at_length_one() -> None:
    directions = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    targets = compute_targets([ClassSentence("one", (3,), 1.0), ClassSentence("many", (0, 2, 5), 2.0)], directions)
    rows = directions.numpy()
    expected = np.stack([rows[3], (rows[0] + rows[2] + rows[5]) / 3])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(targets.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_directions_of_classes_are_the_centred_rows_of_length_one() -> None:
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    centred = rows.numpy() - rows.numpy().mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(compute_class_directions(rows).numpy(), expected, rtol=1e-5, atol=1e-6)
