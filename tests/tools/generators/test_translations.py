"""Translations where the command of test_make_locales.py does not show it: taken over, listed, refused."""

import pytest

from generators.translations import (
    Translation,
    find_unescaped,
    hash_text,
    list_open_texts,
    merge_texts,
    update_translation,
)

ENGLISH = {
    "nodeDefs.Paint.display_name": "Paint",
    "nodeDefs.Paint.inputs.size.name": "size",
    "nodeDefs.Paint.inputs.size.tooltip": "In pixels.",
    "nodeDefs.Draw.inputs.size.name": "size",
}
NOTHING = Translation("de", {}, {})


def translate(texts: dict[str, str]) -> Translation:
    """A German translation, made from the English texts."""
    return Translation("de", texts, {path: hash_text(ENGLISH[path]) for path in texts})


def test_an_update_takes_the_only_translation_of_the_same_english_text_of_the_same_kind() -> None:
    german = translate({"nodeDefs.Paint.inputs.size.name": "Größe"})
    new = update_translation(german, ENGLISH)
    assert new.texts["nodeDefs.Draw.inputs.size.name"] == "Größe"
    assert new.find_open(ENGLISH) == ["nodeDefs.Paint.display_name", "nodeDefs.Paint.inputs.size.tooltip"]
    as_tooltip = ENGLISH | {"nodeDefs.Draw.inputs.size.tooltip": "size"}
    assert "nodeDefs.Draw.inputs.size.tooltip" not in update_translation(new, as_tooltip).texts
    # Two translations disagree, or the English is another by now, or unknown.
    three = ENGLISH | {"nodeDefs.Fill.inputs.size.name": "size"}
    two = translate({"nodeDefs.Paint.inputs.size.name": "Größe", "nodeDefs.Draw.inputs.size.name": "Weite"})
    assert "nodeDefs.Fill.inputs.size.name" in update_translation(two, three).find_missing(three)
    changed = ENGLISH | {"nodeDefs.Draw.inputs.size.name": "length", "nodeDefs.Paint.inputs.size.name": "length"}
    assert "nodeDefs.Draw.inputs.size.name" in update_translation(german, changed).find_missing(changed)
    assert Translation("de", {"nodeDefs.Paint.display_name": "Malen"}, {}).find_stale(ENGLISH) == [
        "nodeDefs.Paint.display_name"
    ]


def test_the_list_has_one_item_for_a_text_in_all_places_and_languages() -> None:
    german = translate({**dict.fromkeys(ENGLISH, "gut"), "nodeDefs.Paint.inputs.size.tooltip": "alt"})
    changed = ENGLISH | {"nodeDefs.Paint.inputs.size.tooltip": "In pixels, at least 1."}
    name, size, tooltip = list_open_texts(changed, [german, Translation("fr", {}, {})])
    assert (name["english"], name["translations"]) == ("Paint", {"fr": ""})
    assert (size["english"], size["translations"]) == ("size", {"fr": ""})
    assert size["entries"] == ["nodeDefs.Paint.inputs.size.name", "nodeDefs.Draw.inputs.size.name"]
    assert (tooltip["translations"], tooltip["previous"]) == ({"de": "", "fr": ""}, {"de": "alt"})


def test_what_is_filled_in_is_merged_unless_its_english_has_changed_or_the_page_would_misread_it() -> None:
    items = list_open_texts(ENGLISH, [NOTHING])
    items[0]["translations"]["de"] = "Malen"
    (german,) = merge_texts([NOTHING], ENGLISH, items)
    assert german.texts == {"nodeDefs.Paint.display_name": "Malen"}
    (german,) = merge_texts([NOTHING], ENGLISH | {"nodeDefs.Paint.display_name": "Brush"}, items)
    assert german.texts == {}
    for translations, message in (
        ({"it": "Dipingi"}, "no folder of language 'it', only of de; add it first"),
        ({"de": "Malen | Zeichnen"}, r"write 'Malen \| Zeichnen' without \|"),
    ):
        with pytest.raises(ValueError, match=message):
            merge_texts([NOTHING], ENGLISH, [items[0] | {"translations": translations}])
    assert find_unescaped("a {'|'} b {'{'}c{'}'}, 50 %") == []
    assert find_unescaped("mail@home {name} {'x'}") == ["@", "{", "}"]
