"""The translations of this pack: complete, up to date, and true to the English texts where a program can tell."""

import re
from collections.abc import Iterator

from cases import each_case
from generators import make_locales
from generators.translations import find_unescaped
from repository import REPOSITORY

LOCALES = REPOSITORY / "locales"
ENGLISH = make_locales.read_texts(LOCALES / "en")
TRANSLATIONS = {translation.language: translation for translation in make_locales.read_translations(LOCALES)}
assert {"zh", "ja", "ko", "fr"} <= TRANSLATIONS.keys()
each_language = each_case("language", TRANSLATIONS)


def pairs(language: str) -> Iterator[tuple[str, str, str]]:
    """The path, the English text and the translation of every entry."""
    texts = TRANSLATIONS[language].texts
    return ((path, text, texts[path]) for path, text in ENGLISH.items())


@each_language
def test_no_translation_is_missing_or_stale_and_no_entry_is_left_of_what_no_longer_exists(language: str) -> None:
    translation = TRANSLATIONS[language]
    problems = make_locales.list_problems(ENGLISH, [translation])
    assert problems == [], "run make locales and translate what it lists"
    assert list(translation.texts) == list(translation.sources) == list(ENGLISH)


@each_language
def test_a_translation_keeps_numbers_lines_and_options_and_reads_alike_on_all_pages(language: str) -> None:
    for path, english, text in pairs(language):
        # ComfyUI 0.8 reads tooltips as messages of vue-i18n and 0.33 does not: there an escape would be shown.
        assert find_unescaped(english) == find_unescaped(text) == [], path
        assert "{'" not in english + text, f"{path}: say it without these characters"
        lost = set(re.findall(r"\d+(?:\.\d+)?", english)) - set(re.findall(r"\d+(?:\.\d+)?", text))
        assert not lost, f"{path}: {text}"
        assert (english.count("\n"), english.count("•")) == (text.count("\n"), text.count("•")), path
        for option in re.findall(r"(?:^|[.] |\n|• )([a-z]\w+):", english):
            assert re.search(rf"{option}\s?[:\uFF1A]", text), f"{path} does not explain {option}: {text}"


@each_language
def test_texts_call_a_node_by_the_name_it_bears_in_their_language(language: str) -> None:
    names = [(text, own) for path, text, own in pairs(language) if path.endswith(".display_name")]
    assert len({own for _, own in names}) == len(names), "two nodes have one name"
    for path, english, text in pairs(language):
        for name, own in names:
            if path.endswith(("tooltip", "description")) and re.search(rf"(?<!^)(?<![.] )\b{name}\b", english):
                assert own in text, f"{path} speaks of {name} without calling it {own}: {text}"
