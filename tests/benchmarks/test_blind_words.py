"""The words that an answer shares with what a picture should show."""

from benchmarks.blind_words import find_shared_words, to_words
from cases import each_case


@each_case(
    ("name", "answer", "shared"),
    [
        ("jellyfish", "Jellyfish", ["jellyfish"]),
        ("flamingo", "two FLAMINGOS in water", ["flamingo"]),
        ("a_red_car", "some sort of car", ["car"]),
        ("hot_air_balloons_over_a_desert", "a balloon", ["balloon"]),
        # What ImageNet calls the class besides.
        ("maillot,_tank_suit", "a suit", ["suit"]),
        ("tabby", "a cat", ["cat"]),
        ("jack-o'-lantern", "a lantern", ["lantern"]),
        ("281", "tabby", ["tabby"]),
        ("flamingo", "a wading bird", []),
        # Parts of words, small words and names of several classes.
        ("jellyfish", "jelly", []),
        ("a_cup_of_tea", "of a", []),
        ("crane", "a tall machine", []),
    ],
)
def test_words_that_a_name_and_an_answer_share_are_found(name: str, answer: str, shared: list[str]) -> None:
    assert find_shared_words(name, answer) == shared


def test_a_number_is_that_of_a_class_and_a_line_between_words_is_a_space() -> None:
    assert to_words("281") == "tabby"
    assert to_words("a_red_car") == "a red car"
    assert to_words("2001") == "2001"
