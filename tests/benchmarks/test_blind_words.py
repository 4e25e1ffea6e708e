"""The words that an answer shares with what a picture should show."""

from benchmarks.blind_words import find_shared_words, to_words
from cases import each_case


@each_case(
    ("name", "answer", "shared"),
    [
        ("jellyfish", "Jellyfish", "jellyfish"),
        ("flamingo", "two FLAMINGOS in water", "flamingo"),
        ("a_red_car", "some sort of car", "car"),
        ("hot_air_balloons_over_a_desert", "a balloon", "balloon"),
        # What ImageNet calls the class besides.
        ("maillot,_tank_suit", "a suit", "suit"),
        ("tabby", "a cat", "cat"),
        ("jack-o'-lantern", "a lantern", "lantern"),
        ("281", "tabby", "tabby"),
    ],
)
def test_a_shared_word_is_found(name: str, answer: str, shared: str) -> None:
    assert find_shared_words(name, answer) == [shared]


@each_case(
    ("name", "answer"),
    [("flamingo", "a wading bird"), ("jellyfish", "jelly"), ("a_cup_of_tea", "of a"), ("crane", "a tall machine")],
)
def test_parts_of_words_small_words_and_names_of_several_classes_are_not_shared(name: str, answer: str) -> None:
    assert find_shared_words(name, answer) == []


def test_a_number_is_that_of_a_class_and_a_line_between_words_is_a_space() -> None:
    assert to_words("281") == "tabby"
    assert to_words("a_red_car") == "a red car"
    assert to_words("2001") == "2001"
