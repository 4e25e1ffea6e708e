"""Which texts are written in Latin letters, and which vocabularies were made for others."""

import json

from das_core.models.scripts import is_mostly_latin, knows_other_scripts
from das_core.models.sources.fitted_projection import find_sentence_encoder


def test_most_letters_decide() -> None:
    for text in ("Dvo\u0159\u00e1k, na\u00efve", "\uff43\uff41\uff54", "", "12:30 \U0001f41f !", "ab\u57ce\u5821"):
        assert is_mostly_latin(text)
    for text in ("\u57ce\u5821\u57ce\u5821 4k", "\u0437\u0430\u043c\u043e\u043a", "\u0642\u0644\u0639\u0629"):
        assert not is_mostly_latin(text)


def test_a_vocabulary_knows_another_script_if_it_has_many_words_in_it() -> None:
    english = json.loads((find_sentence_encoder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert "\u0437" in english
    assert not knows_other_scripts(english)
    chinese = [chr(0x4E00 + number) for number in range(5000)]
    assert knows_other_scripts(["castle", *chinese])
    assert not knows_other_scripts(["castle", *chinese[:-1]])
