"""The locale files: English texts from schemas, the command that writes or checks them, and translations."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from generators import make_locales
from generators.locale_texts import collect_node_texts, collect_texts, escape_message
from generators.translations import (
    Translation,
    find_unescaped,
    hash_text,
    list_open_texts,
    merge_texts,
    update_translation,
)
from runner.node_classes import load_pack_without_models


def test_every_text_of_a_node_is_collected_in_the_form_of_comfyuis_own_files(painters: Path) -> None:
    texts = collect_texts(load_pack_without_models(painters)["LOC_Paint"])
    assert texts == {
        "display_name": "Paint {'|'} Draw",
        "description": "Paints.",
        "inputs": {
            "brush": {"name": "brush", "tooltip": "Which one."},
            "brush_size": {"name": "size", "tooltip": "thin: In pixels.\nwide: In {'{'}cm{'}'}."},
            "brush_ink": {"name": "ink", "tooltip": "Ink."},
            "layers": {"name": "layers"},
            "layers_layer0": {"name": "layer0", "tooltip": "One layer."},
            "layers_layer1": {"name": "layer1", "tooltip": "One layer."},
            "level": {"name": "Level of ink"},
        },
        "outputs": {"0": {"name": "image", "tooltip": "The picture."}, "1": {"name": "Where"}},
    }


def test_special_characters_of_messages_and_dots_of_ids_are_escaped(painters: Path) -> None:
    assert escape_message("a {b} @c | $d, 50 %") == "a {'{'}b{'}'} {'@'}c {'|'} {'$'}d, 50 %"
    nodes: dict[str, Any] = {"pack.Paint": load_pack_without_models(painters)["LOC_Paint"]}
    assert list(collect_node_texts(nodes)) == ["pack_Paint"]


def run(pack: Path, *arguments: str) -> int:
    return make_locales.main([*arguments, "--pack", str(pack)])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def german(painters: Path) -> Path:
    """The folder of a language in the pack, in which everything is translated."""
    folder = painters / "locales" / "de"
    folder.mkdir(parents=True)
    assert run(painters) == 0
    items = read(painters / make_locales.TO_DO)
    for item in items:
        item["translations"]["de"] = item["english"].upper()
    (painters / "filled.json").write_text(json.dumps(items), encoding="utf-8")
    assert run(painters, "--merge", str(painters / "filled.json")) == 0
    return folder


def change_node(pack: Path, *changes: tuple[str, str]) -> Path:
    """A copy of a pack with changes in its code; a folder of the same path would not be imported a second time."""
    copy = shutil.copytree(pack, pack.with_name("changed"))
    code = (copy / "__init__.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    (copy / "__init__.py").write_text(code, encoding="utf-8")
    return copy


def test_missing_english_files_are_written_and_old_ones_found(
    painters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = painters / "locales" / "en" / "nodeDefs.json"
    assert run(painters, "--check") == 1
    assert not path.exists()
    assert run(painters) == 0
    assert capsys.readouterr().out == f"{path.with_name('main.json')}\n{path}\n"
    written = path.read_text(encoding="utf-8")
    assert list(json.loads(written)) == ["LOC_Paint"]
    assert read(path.with_name("main.json")) == {"nodeCategories": {"paint": "paint", "wet": "wet"}}
    assert run(painters, "--check") == 0
    path.write_text(written.replace("Which", "What"), encoding="utf-8")
    assert run(painters, "--check") == 1
    assert capsys.readouterr().err == "locales/en/nodeDefs.json is out of date: run make locales\n"
    assert "What" in path.read_text(encoding="utf-8")
    assert run(painters) == 0
    assert path.read_text(encoding="utf-8") == written


def test_a_new_language_is_a_folder_and_a_list_to_fill_in(painters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (painters / "locales" / "de").mkdir(parents=True)
    assert run(painters) == 0
    assert "de: missing nodeDefs.LOC_Paint.display_name\n" in capsys.readouterr().out
    items = read(painters / make_locales.TO_DO)
    assert (items[2]["english"], items[2]["entries"]) == ("Paint {'|'} Draw", ["nodeDefs.LOC_Paint.display_name"])
    assert (items[2]["translations"], items[2]["previous"]) == ({"de": ""}, {})
    assert run(painters, "--check") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "de: missing main.nodeCategories.paint"
    assert lines[-1] == f"de: {sum(len(item['entries']) for item in items) - make_locales.MAX_LISTED} more"


def test_a_filled_in_list_is_merged_into_files_of_the_form_that_comfyui_reads(painters: Path, german: Path) -> None:
    assert run(painters, "--check") == 0
    assert not (painters / make_locales.TO_DO).exists()
    english, texts = read(german.parent / "en" / "nodeDefs.json"), read(german / "nodeDefs.json")
    assert texts["LOC_Paint"]["inputs"]["brush_ink"] == {"name": "INK", "tooltip": "INK."}
    assert json.dumps(texts).lower() == json.dumps(english).lower()
    assert read(german / "main.json") == {"nodeCategories": {"paint": "PAINT", "wet": "WET"}}


def test_a_changed_english_text_makes_its_translation_stale_until_it_is_translated_again(
    painters: Path, german: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = change_node(painters, ("Which one.", "Which of them."))
    german = changed / "locales" / "de"
    capsys.readouterr()
    assert run(changed, "--check") == 1
    assert "de: stale nodeDefs.LOC_Paint.inputs.brush.tooltip\n" in capsys.readouterr().err
    assert run(changed) == 0
    assert read(german / "nodeDefs.json")["LOC_Paint"]["inputs"]["brush"]["tooltip"] == "WHICH ONE."
    assert run(changed, "--check") == 1
    to_do = changed / make_locales.TO_DO
    (item,) = read(to_do)
    assert (item["english"], item["previous"]) == ("Which of them.", {"de": "WHICH ONE."})
    item["translations"]["de"] = "WELCHER."
    to_do.write_text(json.dumps([item]), encoding="utf-8")
    assert run(changed, "--merge", str(to_do)) == 0
    assert read(german / "nodeDefs.json")["LOC_Paint"]["inputs"]["brush"]["tooltip"] == "WELCHER."
    assert run(changed, "--check") == 0


def test_entries_and_files_that_are_no_longer_needed_are_dropped(painters: Path, german: Path) -> None:
    level = 'io.Float.Input("level", display_name="Level of ink"),'
    changed = change_node(painters, ('category="Toys/paint/wet"', 'category="Toys"'), (level, ""))
    german = changed / "locales" / "de"
    assert run(changed) == 0
    assert "level" not in read(german / "nodeDefs.json")["LOC_Paint"]["inputs"]
    assert not any("level" in path or "Categories" in path for path in read(german / "sources.json"))
    assert not (german / "main.json").exists()
    assert run(changed, "--check") == 0


def test_texts_of_scripts_that_are_written_into_the_english_main_json_are_translated_too(
    painters: Path, german: Path
) -> None:
    main = german.parent / "en" / "main.json"
    main.write_text(json.dumps(read(main) | {"painters": {"button": "Finish"}}), encoding="utf-8")
    assert run(painters) == 0
    assert read(main)["painters"] == {"button": "Finish"}
    assert [item["english"] for item in read(painters / make_locales.TO_DO)] == ["Finish"]


def test_a_translation_that_the_page_would_misread_is_refused_and_nothing_is_written(
    painters: Path, german: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = read(painters / "filled.json")
    items[3]["translations"]["de"] = "{Malt}"
    (painters / "filled.json").write_text(json.dumps(items), encoding="utf-8")
    before = (german / "nodeDefs.json").read_text(encoding="utf-8")
    assert run(painters, "--merge", str(painters / "filled.json")) == 1
    assert "filled.json: write '{Malt}' without { }" in capsys.readouterr().err
    assert (german / "nodeDefs.json").read_text(encoding="utf-8") == before


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
