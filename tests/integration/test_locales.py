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
each_language = each_case("language", TRANSLATIONS)


def pairs(language: str) -> Iterator[tuple[str, str, str]]:
    """The path, the English text and the translation of every entry."""
    texts = TRANSLATIONS[language].texts
    return ((path, text, texts[path]) for path, text in ENGLISH.items())


def test_the_languages_are_there() -> None:
    assert {"zh", "ja", "ko", "fr"} <= TRANSLATIONS.keys()


@each_language
def test_no_translation_is_missing_or_stale(language: str) -> None:
    problems = make_locales.list_problems(ENGLISH, [TRANSLATIONS[language]])
    assert problems == [], "run make locales and translate what it lists"


@each_language
def test_no_entry_is_left_of_what_no_longer_exists(language: str) -> None:
    translation = TRANSLATIONS[language]
    assert list(translation.texts) == list(translation.sources) == list(ENGLISH)


@each_language
def test_no_text_has_characters_that_pages_read_differently(language: str) -> None:
    # ComfyUI 0.8 reads tooltips as messages of vue-i18n, 0.33 as they are: an escape helps one and shows in the other.
    for path, english, text in pairs(language):
        assert find_unescaped(english) == find_unescaped(text) == [], path
        assert "{'" not in english + text, f"{path}: say it without these characters"


@each_language
def test_numbers_that_a_text_speaks_of_are_in_its_translation(language: str) -> None:
    for path, english, text in pairs(language):
        lost = set(re.findall(r"\d+(?:\.\d+)?", english)) - set(re.findall(r"\d+(?:\.\d+)?", text))
        assert not lost, f"{path}: {text}"


@each_language
def test_options_that_a_text_explains_keep_their_names_since_the_page_does_not_translate_them(language: str) -> None:
    for path, english, text in pairs(language):
        for option in re.findall(r"(?:^|[.] |\n|• )([a-z]\w+):", english):
            assert re.search(rf"{option}\s?[:\uFF1A]", text), f"{path} does not explain {option}: {text}"


@each_language
def test_paragraphs_and_lists_keep_their_lines(language: str) -> None:
    for path, english, text in pairs(language):
        assert english.count("\n") == text.count("\n"), path
        assert english.count("•") == text.count("•"), path


@each_language
def test_texts_call_a_node_by_the_name_it_bears_in_their_language(language: str) -> None:
    names = [(text, own) for path, text, own in pairs(language) if path.endswith(".display_name")]
    assert len({own for _, own in names}) == len(names), "two nodes have one name"
    for path, english, text in pairs(language):
        for name, own in names:
            if path.endswith(("tooltip", "description")) and re.search(rf"(?<!^)(?<![.] )\b{name}\b", english):
                assert own in text, f"{path} speaks of {name} without calling it {own}: {text}"
