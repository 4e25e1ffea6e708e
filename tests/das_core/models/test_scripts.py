"""Which texts are written in Latin letters, and which vocabularies were made for others."""

import json

from cases import each_case
from das_core.models.scripts import is_mostly_latin, knows_other_scripts
from das_core.models.sources.sentence_encoder import find_sentence_encoder


@each_case(
    ("text", "latin"),
    [
        ("a castle on a hill", True),
        ("Dvo\u0159\u00e1k, na\u00efve, Stra\u00dfe", True),
        ("a bottle with the label \u57ce\u5821", True),
        ("\uff43\uff41\uff54", True),
        ("", True),
        ("12:30 \U0001f41f !", True),
        ("\u57ce\u5821", False),
        ("\u57ce\u5821\u57ce\u5821 4k", False),
        ("\u0437\u0430\u043c\u043e\u043a \u043d\u0430 \u0445\u043e\u043b\u043c\u0435", False),
        ("\u304a\u57ce", False),
        ("\uc131", False),
        ("\u0642\u0644\u0639\u0629", False),
        ("\u0915\u093f\u0932\u093e", False),
        ("\u03ba\u03ac\u03c3\u03c4\u03c1\u03bf", False),
    ],
)
def test_most_letters_decide(text: str, latin: bool) -> None:
    assert is_mostly_latin(text) == latin


def test_the_vocabulary_of_an_english_model_knows_no_other_scripts() -> None:
    file = find_sentence_encoder() / "tokenizer.json"
    vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    assert len(vocabulary) > 30_000
    assert "\u0437" in vocabulary
    assert not knows_other_scripts(vocabulary)


def test_a_vocabulary_with_many_words_in_another_script_knows_it() -> None:
    chinese = [chr(0x4E00 + number) for number in range(6000)]
    assert knows_other_scripts(["castle", *chinese])
    assert not knows_other_scripts(["castle", *chinese[:4000]])
    assert not knows_other_scripts(f"word{number}" for number in range(50_000))
