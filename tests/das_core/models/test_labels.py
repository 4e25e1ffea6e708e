"""Classes found by what a person would call them, and errors that lead on."""

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timm.data import ImageNetInfo

from cases import each_case
from das_core.models.label_sets import imagenet_labels, number_labels
from das_core.models.labels import Label, Labels, UnknownClassError

LABELS = imagenet_labels()


def refusal(text: str, labels: Labels = LABELS) -> str:
    with pytest.raises(ValueError, match=r".") as error:
        labels.find(text)
    return str(error.value)


@each_case(
    ("text", "index"),
    [
        ("jellyfish", 107),
        ("Jellyfish", 107),
        ("JELLYFISH", 107),
        (" jellyfish\t", 107),
        ("n01910747", 107),
        ("N01910747", 107),
        ("107", 107),
        ("  107 ", 107),
        ("+107", 107),
        ("\uff11\uff10\uff17", 107),
        ("tabby cat", 281),
        ("tabby, tabby cat", 281),
        ("pizza, pizza pie", 963),
        ("maillot, tank suit", 639),
        ("134 crane", 134),
        ("517 crane", 517),
        ("jack-o'-lantern", 607),
        ("jack o lantern", 607),
        ("Jack_O\u2019_Lantern", 607),
        ("hen of the woods", 996),
        ("aircraft  carrier", 403),
        ("0", 0),
        ("999", 999),
    ],
)
def test_a_class_is_found_by_any_of_its_names_in_any_spelling(text: str, index: int) -> None:
    assert LABELS.find(text) == index


def test_every_class_by_its_id_index_and_unambiguous_names() -> None:
    info = ImageNetInfo()
    times = Counter(name.casefold() for label in LABELS.labels for name in label.names)
    ambiguous = 0
    for index in range(1000):
        assert LABELS.find(str(index)) == index
        assert LABELS.find(info.index_to_label_name(index)) == index
        names = info.index_to_description(index).split(", ")
        assert LABELS.name(index) == names[0]
        for name in names:
            if times[name.casefold()] == 1:
                assert LABELS.find(name) == index
                assert LABELS.find(name.upper().replace(" ", "_").replace("-", " ")) == index
            else:
                ambiguous += 1
                assert f"{index} {LABELS.name(index)} (" in refusal(name)
    assert ambiguous > 30


@each_case(
    ("text", "choices"),
    [
        (
            "crane",
            ["2 classes", "134 crane (large long-necked wading bird", "517 crane (lifts and moves heavy objects"],
        ),
        ("maillot", ["638 maillot (tights for dancers", "639 maillot (a woman's one-piece bathing suit)"]),
        ("panda", ["387 lesser panda (", "388 giant panda ("]),
    ],
)
def test_ambiguous_names_raise_with_the_choices(text: str, choices: list[str]) -> None:
    message = refusal(text)
    assert message.startswith(f"class '{text}' could be ")
    assert "write the index of one" in message
    for choice in choices:
        assert choice in message


@each_case(
    ("text", "says"),
    [
        # A word of a name is offered, not taken.
        ("fish", ["only a part of names", "393 anemone fish"]),
        ("bird", ["only a part of names", "14 indigo bunting"]),
        ("apple", ["only a part of names", "956 custard apple"]),
        ("coffee", ["only a part of names", "504 coffee mug"]),
        ("the", ["only a part of names", "996 hen-of-the-woods"]),
        ("cat", ["only a part of names", "281 tabby (a cat with a grey or tawny coat"]),
        # An everyday word for several classes is offered with 'all'.
        ("dog", ["only a part of names; write 'all dog' for 118 of this kind, or write the index or the whole name"]),
        ("Cat", ["'Cat' is only a part of names; write 'all cat' for 5 of this kind, or"]),
        ("panda", ["could be 2 classes; write 'all panda' for 2 of this kind, or write the index of one: 387"]),
        (
            "dogs",
            ["'dogs' is unknown; write 'all dogs' for 118 of this kind, or write one of them: 151 Chihuahua; 152 "],
        ),
        ("vehicle", ["write 'all vehicle' for "]),
        ("水母", ["nothing is near", "'tench', or an index from 0 to 999"]),
        *(
            (text, ["a class name is empty; write a name such as 'jellyfish'"])
            for text in ["", " ", "\n\t", "-", "_ -", "'"]
        ),
    ],
)
def test_a_refusal_says_what_to_write_instead(text: str, says: list[str]) -> None:
    message = refusal(text)
    for part in says:
        assert part in message


@each_case(
    ("text", "says"),
    [
        ("pony", "is unknown; write 'all pony' for 339 sorrel, the only class of this kind, or write its index or "
         "name"),
        ("eagle", "is only a part of names; write 'all eagle' for 22 bald eagle, the only class of this kind, or write "
         "the index or the whole name of one: 22 bald eagle"),
    ],
)  # fmt: skip
def test_an_everyday_word_for_one_class_is_offered_with_that_class(text: str, says: str) -> None:
    assert refusal(text) == f"class '{text}' {says}"


@each_case(
    ("text", "word"),
    [("sunflower", "flower"), ("Sunflowers", "flower"), ("sports-bike", "bike"), ("red car", "car"),
     ("racing motorbikes", "motorbike"), ("tropical fish", "fish")],
)  # fmt: skip
def test_the_kind_that_ends_an_unknown_name_is_offered(text: str, word: str) -> None:
    count = len(LABELS.find_hypernym(word).classes)
    first = LABELS.unique_name(LABELS.find_hypernym(word).classes[0])
    said = f"class '{text}' is unknown; write 'all {word}' for {count} of this kind, or write one of them: "
    assert refusal(text).startswith(said)
    assert first in refusal(text)


@each_case(
    ("text", "labels"),
    [
        *((text, LABELS) for text in ["crane", "coffe mug", "the", "jelyfish"]),
        # A few letters at the end are no kind.
        *((text, LABELS) for text in ["bobcat", "delicate", "oscar", "cats" * 30]),
        ("dog", number_labels(4)),
    ],
)
def test_no_kind_is_offered_for_a_word_that_is_none(text: str, labels: Labels) -> None:
    assert "'all " not in refusal(text, labels)


@each_case(
    ("word", "first"),
    [("dog", 151), ("DOGS", 151), ("puppies", 151), ("wolves", 269), ("knives", 499), ("foxes", 277), ("buses", 654),
     *((word, None) for word in ["", "s", "es", "mug", "jellyfish", "dogg"])],
)  # fmt: skip
def test_only_hypernyms_are_found_in_the_singular_and_the_plural(word: str, first: int | None) -> None:
    hypernym = LABELS.find_hypernym(word)
    assert (None if hypernym is None else hypernym.classes[0]) == first


def test_unique_names_lead_to_their_classes() -> None:
    names = [LABELS.unique_name(index) for index in range(1000)]
    assert [LABELS.find(name) for name in names] == list(range(1000))
    assert len({name.casefold() for name in names}) == 1000
    numbered = {name for name in names if name[0].isdigit()}
    assert {"134 crane", "517 crane", "638 maillot", "639 maillot", "264 Cardigan", "474 cardigan"} <= numbered
    assert len(numbered) < 20


@each_case(
    ("text", "found"),
    [("jellyfish", {107}), ("107", {107}), ("crane", {134, 517}), ("pizza, pizza pie", {963}), ("1000", set()),
     ("9" * 6000, set()), ("cat", set()), ("", set()), ("tabby, goldfish", set())],
)  # fmt: skip
def test_all_classes_that_a_text_names_are_looked_up(text: str, found: set[int]) -> None:
    assert LABELS.look_up(text) == found


def test_long_lists_of_choices_are_cut() -> None:
    message = refusal("dog")
    assert message.endswith("; …")
    assert message.count(";") == 6  # one before the list, four within, one at its end


@each_case(
    ("typo", "meant"),
    [
        ("jelyfish", "107 jellyfish"),
        ("spresso", "967 espresso"),
        ("vulcano", "980 volcano"),
        ("golden retreiver", "207 golden retriever"),
        ("strawbery", "949 strawberry"),
        ("n01910747x", "107 jellyfish"),
    ],
)
def test_typos_name_what_was_meant_first(typo: str, meant: str) -> None:
    first, *others = refusal(typo).split("; ")[1:]
    assert first == f"the nearest are {meant}"
    assert all(other[0].isdigit() and "(" not in other for other in others)


@each_case("text", ["1000", "-1", "-107", "99999999999999999999999999", "9" * 6000])
def test_an_index_out_of_range_names_the_range(text: str) -> None:
    message = refusal(text)
    assert f"class index {text[:20]}" in message
    assert "out of range; this classifier has classes 0 to 999" in message
    assert len(message) < 120


def test_what_is_no_class_has_an_error_of_its_own() -> None:
    for text in ("sunflower", "crane", "dog", "水母"):
        with pytest.raises(UnknownClassError):
            LABELS.find(text)
    for text in ("1000", ""):
        with pytest.raises(ValueError, match=r".") as error:
            LABELS.find(text)
        assert not isinstance(error.value, UnknownClassError)


@given(st.text(max_size=60) | st.from_regex(r"[+-]?\d{1,5}", fullmatch=True))
@example("x" * 10_000)
@example(",,,")
@example("²")
@example("--5")
@settings(max_examples=150)
def test_any_text_is_found_or_refused_in_words(text: str) -> None:
    try:
        index = LABELS.find(text)
    except ValueError as error:
        message = str(error)
        assert message.startswith("class") or message.startswith("a class name is empty")
        # However long the text: a message is read by a person.
        assert len(message) < 800
    else:
        assert 0 <= index < 1000


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=5), min_size=1, max_size=8, unique=True))
@settings(max_examples=100)
def test_labels_of_other_models_are_found_by_name_and_index(names: list[str]) -> None:
    labels = Labels(tuple(Label((name,)) for name in names))
    assert [labels.find(name) for name in names] == list(range(len(names)))
    assert [labels.find(str(index)) for index in range(len(names))] == list(range(len(names)))


def test_labels_stay_what_they_are() -> None:
    labels = number_labels(3)
    labels.find("class 1")
    assert labels == number_labels(3)
    assert hash(labels) == hash(number_labels(3))
