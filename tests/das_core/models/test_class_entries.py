"""Classes with commas in between, all classes of a kind, and the table of the kinds."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cases import each_case, refuses
from das_core.models.class_entries import find_classes
from das_core.models.hypernyms import list_hypernyms
from das_core.models.labels import Label, Labels, imagenet_labels

LABELS = imagenet_labels()
DOGS = tuple(range(151, 269))
CATS = tuple(range(281, 286))


@each_case(
    ("text", "entries"),
    (" jellyfish ,,n01443537, 2,", ((107,), (1,), (2,))),
    ("goldfish, maillot, tank suit, jellyfish", ((1,), (639,), (107,))),
    ("tabby, tabby cat, goldfish, Carassius auratus", ((281,), (1,))),
    ("jellyfish, jellyfish, goldfish, jellyfish", ((107,), (1,), (107,))),
    ("ALL  Dogs", (DOGS,)),
    ("all puppies, tench, all kittens", (DOGS, (0,), CATS)),
    ("all-terrain bike", ((671,),)),
    ("all big cat", (tuple(range(286, 294)),)),
)
def test_entries_are_found(text: str, entries: tuple[tuple[int, ...], ...]) -> None:
    assert find_classes(LABELS, text) == entries


def test_every_everyday_word_works_with_all() -> None:
    for hypernym in list_hypernyms():
        for word in hypernym.words:
            assert find_classes(LABELS, f"all {word}") == (hypernym.classes,)


def test_a_name_with_a_comma_is_still_a_name() -> None:
    labels = Labels((Label(("salt, pepper",)), Label(("salt",)), Label(("pepper",)), Label(("oil, vinegar, salt",))))
    assert find_classes(labels, "salt, pepper") == ((0,),)
    assert find_classes(labels, "pepper, salt") == ((2,), (1,))
    assert find_classes(labels, "pepper, oil,  vinegar, salt, salt") == ((2,), (3,), (1,))
    with pytest.raises(ValueError, match="'all dog' is unknown: this classifier knows no words for kinds of things"):
        find_classes(labels, "all dog")


test_what_is_no_class_is_named = refuses(
    lambda text: find_classes(LABELS, text),
    (" , ,", "a class name is empty"),
    ("jellyfish, jelyfish", "^class 'jelyfish' is unknown; the nearest are 107 jellyfish"),
    ("all jellyfish", "^'all jellyfish' is unknown: 'jellyfish' is a single class; write it without 'all'$"),
    ("all catt", "^'all catt' is unknown: no known word for a kind of thing; the nearest are cat, cattle"),
    ("all qwertz", "no known word for a kind of thing; there are, among others, dog, bird, fruit"),
    ("all", "class 'all' is only a part of names"),
)


@given(st.text(alphabet="al dogcat,1\n", max_size=40))
@example("tabby, " * 5000 + "goldfish")
@example("all " + "x" * 10_000)
@settings(max_examples=50)
def test_any_text_is_found_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        entries = find_classes(LABELS, text)
        assert entries
        assert all(0 <= index < 1000 for entry in entries for index in entry)


def test_no_word_stands_twice_and_classes_stand_in_rising_order() -> None:
    words = [word for hypernym in list_hypernyms() for word in hypernym.words]
    assert len(words) == len(set(words)) > 200
    assert all(word == word.strip().lower() and word for word in words)
    for hypernym in list_hypernyms():
        assert list(hypernym.classes) == sorted(set(hypernym.classes) & set(range(1000))) != []
