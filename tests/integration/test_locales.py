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
each_language = each_case("language", *TRANSLATIONS)


def pairs(language: str) -> Iterator[tuple[str, str, str]]:
    """The path, the English text and the translation of every entry."""
    texts = TRANSLATIONS[language].texts
    return ((path, text, texts[path]) for path, text in ENGLISH.items())


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
