"""Classes found by what a person would call them, the names of ImageNet, and errors that lead on."""

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timm.data import ImageNetInfo

from cases import each_case
from das_core.models.labels import (
    Label,
    Labels,
    UnknownClassError,
    choose_labels,
    imagenet_labels,
    normalise_name,
    number_labels,
    read_labels,
)

LABELS = imagenet_labels()


def refusal(text: str, labels: Labels = LABELS) -> str:
    with pytest.raises(UnknownClassError) as error:
        labels.find(text)
    return str(error.value)


@each_case(
    ("text", "index"),
    (" Jellyfish\t", 107), ("N01910747", 107), ("  107 ", 107), ("+107", 107), ("\uff11\uff10\uff17", 107),
     ("tabby, tabby cat", 281), ("maillot, tank suit", 639), ("134 crane", 134), ("517 crane", 517),
     ("jack-o'-lantern", 607), ("Jack_O\u2019_Lantern", 607), ("jack\to`-lantern", 607), ("hen of the woods", 996),
)  # fmt: skip
def test_a_class_is_found_by_any_of_its_names_in_any_spelling(text: str, index: int) -> None:
    assert LABELS.find(text) == index
    assert normalise_name(normalise_name(text)) == normalise_name(text)


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
                assert LABELS.find(name.upper().replace(" ", "_").replace("-", " ")) == index
            else:
                ambiguous += 1
                assert f"{index} {LABELS.name(index)} (" in refusal(name)
    assert ambiguous > 30


SINGLE = "write 'all {}' for {}, the only class of this kind, or write "


@each_case(
    ("text", "says"),

        ("crane", "class 'crane' could be 2 classes; write the index of one: 134 crane (large long-necked wading bird"),
        ("panda", "class 'panda' could be 2 classes; write 'all panda' for 2 of this kind, or write the "
         "index of one: 387 lesser panda ("),
        # A word of a name is offered, not taken; an everyday word for several classes is offered with 'all'.
        ("the", "class 'the' is only a part of names; write the index or the whole name of one: "),
        ("Cat", "class 'Cat' is only a part of names; write 'all cat' for 5 of this kind, or write the index or the "
         "whole name of one: 281 tabby (a cat with a grey or tawny coat"),
        ("dogs", "class 'dogs' is unknown; write 'all dogs' for 118 of this kind, or write one of them: 151 Chihuahua; "
         "152 Japanese spaniel; 153 Maltese dog; 154 Pekinese; 155 Shih-Tzu; …"),
        ("水母", "class '水母' is unknown and nothing is near; write a name such as 'tench', or an index from 0"),
        # An everyday word for one class is offered with that class.
        ("pony", f"class 'pony' is unknown; {SINGLE.format('pony', '339 sorrel')}its index or name"),
        ("eagle", f"class 'eagle' is only a part of names; {SINGLE.format('eagle', '22 bald eagle')}the index or the "
         "whole name of one: 22 bald eagle"),
        # The kind that ends an unknown name is offered.
        ("Sunflowers", "class 'Sunflowers' is unknown; write 'all flower' for 3 of this kind, or write one of them: "
         "984 rapeseed;"),
        # Typos name what was meant first, without meanings.
        ("jelyfish", "class 'jelyfish' is unknown; the nearest are 107 jellyfish; "),
)  # fmt: skip
def test_a_refusal_says_what_to_write_instead(text: str, says: str) -> None:
    assert refusal(text)[: len(says)] == says


@each_case(
    ("text", "labels"),
    *((text, LABELS) for text in ["crane", "coffe mug", "the", "jelyfish"]),
    # A few letters at the end are no kind.
    *((text, LABELS) for text in ["bobcat", "delicate", "oscar", "cats" * 30]),
    ("dog", number_labels(4)),
)
def test_no_kind_is_offered_for_a_word_that_is_none(text: str, labels: Labels) -> None:
    assert "'all " not in refusal(text, labels)


@each_case(
    ("word", "first"),
    ("DOGS", 151), ("puppies", 151), ("wolves", 269), ("knives", 499), ("foxes", 277), ("buses", 654),
     *((word, None) for word in ["", "s", "es", "mug", "jellyfish", "dogg"]),
)  # fmt: skip
def test_only_hypernyms_are_found_in_the_singular_and_the_plural(word: str, first: int | None) -> None:
    hypernym = LABELS.find_hypernym(word)
    assert (None if hypernym is None else hypernym.classes[0]) == first


def test_unique_names_lead_to_their_classes() -> None:
    names = [LABELS.unique_name(index) for index in range(1000)]
    assert [LABELS.find(name) for name in names] == list(range(1000))
    numbered = {name for name in names if name[0].isdigit()}
    assert {"134 crane", "517 crane", "638 maillot", "639 maillot", "264 Cardigan", "474 cardigan"} <= numbered
    assert len(numbered) < 20


@each_case(
    ("text", "found"),
    ("107", {107}), ("crane", {134, 517}), ("pizza, pizza pie", {963}), ("1000", set()), ("9" * 6000, set()),
     ("cat", set()), ("", set()), ("tabby, goldfish", set()),
)  # fmt: skip
def test_all_classes_that_a_text_names_are_looked_up(text: str, found: set[int]) -> None:
    assert LABELS.look_up(text) == found


@each_case(
    ("text", "says"),

        *((text, f"class index {text[:20]}.*is out of range; this classifier has classes 0 to 999")
          for text in ["1000", "-1", "99999999999999999999999999", "9" * 6000]),
        *((text, "a class name is empty; write a name such as 'jellyfish'") for text in ["", "\n\t", "_ -", "'"]),
)  # fmt: skip
def test_no_text_and_an_index_out_of_range_have_another_error(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as error:
        LABELS.find(text)
    assert not isinstance(error.value, UnknownClassError)
    assert len(str(error.value)) < 120


@given(st.text(max_size=60) | st.from_regex(r"[+-]?\d{1,5}", fullmatch=True))
@example("x" * 10_000)
@example(",,,")
@example("²")
@example("--5")
@settings(max_examples=40)
def test_any_text_is_found_or_refused_in_words(text: str) -> None:
    try:
        assert 0 <= LABELS.find(text) < 1000
    except ValueError as error:
        message = str(error)
        assert message.startswith(("class", "a class name is empty"))
        # However long the text: a message is read by a person.
        assert len(message) < 800


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=5), min_size=1, max_size=8, unique=True))
@settings(max_examples=50)
def test_labels_of_other_models_are_found_by_name_and_index(names: list[str]) -> None:
    labels = Labels(tuple(Label((name,)) for name in names))
    assert [labels.find(name) for name in names] == list(range(len(names)))
    assert [labels.find(str(index)) for index in range(len(names))] == list(range(len(names)))


def test_the_names_are_those_of_wordnet_in_the_order_of_imagenet() -> None:
    labels = choose_labels(1000)
    assert labels is imagenet_labels()
    assert [label.wordnet for label in labels.labels] == ImageNetInfo().label_names()
    assert labels.labels[281].names == ("tabby", "tabby cat")
    assert labels.find_hypernym("cat") is not None
    # Meanings are short enough to list.
    assert all(0 < len(label.meaning) <= 60 for label in labels.labels)


def test_labels_for_other_counts_are_numbers() -> None:
    ten = choose_labels(10)
    assert len(ten) == 10
    assert ten.name(3) == "class 3"
    assert ten.find("3") == ten.find("class 3") == ten.find("Class_3") == 3
    with pytest.raises(ValueError, match="classes 0 to 9"):
        ten.find("10")


def test_names_that_a_library_states_are_those_of_imagenet_only_in_its_order() -> None:
    names = [", ".join(label.names) for label in imagenet_labels().labels]
    assert read_labels([*names[:400], *["?"] * 100, *names[500:]]) is imagenet_labels()
    order = [*range(100), *range(999, 99, -1)]
    turned = read_labels([names[index] for index in order])
    assert [label.names for label in turned.labels] == [imagenet_labels().labels[index].names for index in order]
    assert read_labels(["ant", " ,", 3]).labels == (Label(("ant",)), Label(("class 1",)), Label(("3",)))  # type: ignore[list-item]
