"""Translations: what is missing and stale, what is dropped and taken over, and the list to fill in."""

import pytest

from generators.translations import (
    Translation,
    find_unescaped,
    flatten,
    hash_text,
    list_open_texts,
    merge_texts,
    nest,
    update_translation,
)

ENGLISH = {
    "nodeDefs.Paint.display_name": "Paint",
    "nodeDefs.Paint.inputs.size.name": "size",
    "nodeDefs.Paint.inputs.size.tooltip": "In pixels.",
    "nodeDefs.Draw.inputs.size.name": "size",
}


def translate(texts: dict[str, str], of: dict[str, str] = ENGLISH) -> Translation:
    """A German translation, made from these English texts."""
    return Translation("de", texts, {path: hash_text(of[path]) for path in texts})


def test_nested_dictionaries_are_flattened_and_nested_again_in_order() -> None:
    tree = {"b": {"x": "1", "a": {"y": "2"}}, "a": {"0": "3"}}
    assert list(flatten(tree).items()) == [("b.x", "1"), ("b.a.y", "2"), ("a.0", "3")]
    assert str(nest(flatten(tree))) == str(tree)


def test_a_text_without_translation_is_missing_and_one_of_changed_or_unknown_english_is_stale() -> None:
    german = translate({"nodeDefs.Paint.display_name": "Malen", "nodeDefs.Paint.inputs.size.tooltip": "In Pixeln."})
    changed = ENGLISH | {"nodeDefs.Paint.inputs.size.tooltip": "In pixels, at least 1."}
    missing = ["nodeDefs.Paint.inputs.size.name", "nodeDefs.Draw.inputs.size.name"]
    assert german.find_missing(changed) == missing
    assert german.find_stale(ENGLISH) == []
    assert german.find_stale(changed) == ["nodeDefs.Paint.inputs.size.tooltip"]
    assert set(german.find_open(changed)) == {*missing, "nodeDefs.Paint.inputs.size.tooltip"}
    path = "nodeDefs.Paint.display_name"
    assert path in translate({path: ""}).find_missing(ENGLISH)
    assert Translation("de", {path: "Malen"}, {}).find_stale(ENGLISH) == [path]


def test_an_update_drops_what_is_gone_and_keeps_what_is_stale_with_its_mark() -> None:
    old = translate(
        {"nodeDefs.Gone.display_name": "Weg", **dict.fromkeys(ENGLISH, "alt")},
        ENGLISH | {"nodeDefs.Gone.display_name": "Gone"},
    )
    changed = ENGLISH | {"nodeDefs.Paint.display_name": "Brush"}
    new = update_translation(old, changed)
    assert new.texts == dict.fromkeys(ENGLISH, "alt")
    assert list(new.sources) == list(ENGLISH)
    assert new.find_stale(changed) == ["nodeDefs.Paint.display_name"]


def test_an_update_takes_the_only_translation_of_the_same_english_text_of_the_same_kind() -> None:
    german = translate({"nodeDefs.Paint.inputs.size.name": "Größe"})
    new = update_translation(german, ENGLISH)
    assert new.texts["nodeDefs.Draw.inputs.size.name"] == "Größe"
    assert new.find_open(ENGLISH) == ["nodeDefs.Paint.display_name", "nodeDefs.Paint.inputs.size.tooltip"]
    as_tooltip = ENGLISH | {"nodeDefs.Draw.inputs.size.tooltip": "size"}
    assert "nodeDefs.Draw.inputs.size.tooltip" not in update_translation(new, as_tooltip).texts
    # Two translations disagree, or the English is another by now.
    three = ENGLISH | {"nodeDefs.Fill.inputs.size.name": "size"}
    two = translate({"nodeDefs.Paint.inputs.size.name": "Größe", "nodeDefs.Draw.inputs.size.name": "Weite"})
    assert "nodeDefs.Fill.inputs.size.name" in update_translation(two, three).find_missing(three)
    changed = ENGLISH | {"nodeDefs.Draw.inputs.size.name": "length", "nodeDefs.Paint.inputs.size.name": "length"}
    assert "nodeDefs.Draw.inputs.size.name" in update_translation(german, changed).find_missing(changed)


def test_the_list_has_one_item_for_a_text_in_all_places_and_languages() -> None:
    german = translate({**dict.fromkeys(ENGLISH, "gut"), "nodeDefs.Paint.inputs.size.tooltip": "alt"})
    changed = ENGLISH | {"nodeDefs.Paint.inputs.size.tooltip": "In pixels, at least 1."}
    assert list_open_texts(changed, [german, Translation("fr", {}, {})]) == [
        {"english": "Paint", "translations": {"fr": ""}, "previous": {}, "entries": ["nodeDefs.Paint.display_name"]},
        {
            "english": "size",
            "translations": {"fr": ""},
            "previous": {},
            "entries": ["nodeDefs.Paint.inputs.size.name", "nodeDefs.Draw.inputs.size.name"],
        },
        {
            "english": "In pixels, at least 1.",
            "translations": {"de": "", "fr": ""},
            "previous": {"de": "alt"},
            "entries": ["nodeDefs.Paint.inputs.size.tooltip"],
        },
    ]
    assert list_open_texts(ENGLISH, [translate(dict.fromkeys(ENGLISH, "gut"))]) == []


def test_what_is_filled_in_is_merged_unless_its_english_has_changed_and_what_is_empty_stays_open() -> None:
    nothing = Translation("de", {}, {})
    items = list_open_texts(ENGLISH, [nothing])
    for item in items:
        item["translations"]["de"] = {"Paint": "Malen", "size": "Größe"}.get(item["english"], "")
    (german,) = merge_texts([nothing], ENGLISH, items)
    assert list(german.texts.items()) == [
        ("nodeDefs.Paint.display_name", "Malen"),
        ("nodeDefs.Paint.inputs.size.name", "Größe"),
        ("nodeDefs.Draw.inputs.size.name", "Größe"),
    ]
    assert german.find_open(ENGLISH) == ["nodeDefs.Paint.inputs.size.tooltip"]
    (german,) = merge_texts([nothing], ENGLISH | {"nodeDefs.Paint.display_name": "Brush"}, items)
    assert "nodeDefs.Paint.display_name" not in german.texts
    with pytest.raises(ValueError, match="no folder of language 'it', only of de; add it first"):
        merge_texts([nothing], ENGLISH, [items[0] | {"translations": {"it": "Dipingi"}}])
    with pytest.raises(ValueError, match=r"write 'Malen \| Zeichnen' without \|"):
        merge_texts([nothing], ENGLISH, [items[0] | {"translations": {"de": "Malen | Zeichnen"}}])


def test_escaped_characters_are_no_syntax() -> None:
    assert find_unescaped("a {'|'} b {'{'}c{'}'}, 50 %") == []
    assert find_unescaped("mail@home {name} {'x'}") == ["@", "{", "}"]
