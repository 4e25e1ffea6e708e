"""The locale files: English texts from schemas, the command that writes or checks them, and translations."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from generators import make_locales
from generators.locale_texts import collect_node_texts, escape_message
from generators.translations import Translation, find_unescaped, hash_text, update_translation
from runner.node_classes import load_pack_without_models

PACK = """
from comfy_api.latest import ComfyExtension, io


class Paint(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        brush = [
            io.DynamicCombo.Option(name, [io.Int.Input("size", tooltip=size), io.Int.Input("ink", tooltip="Ink.")])
            for name, size in (("thin", "In pixels."), ("wide", "In {cm}."))
        ]
        slots = io.Autogrow.TemplatePrefix(io.Image.Input("layer", tooltip="One layer."), prefix="layer", min=1, max=2)
        return io.Schema(
            node_id="LOC_Paint",
            display_name="Paint | Draw",
            category="Toys/paint/wet",
            description="Paints.",
            inputs=[
                io.DynamicCombo.Input("brush", options=brush, tooltip="Which one."),
                io.Autogrow.Input("layers", template=slots),
                io.Float.Input("level", display_name="Level of ink"),
            ],
            outputs=[io.Image.Output("image", tooltip="The picture."), io.Mask.Output(display_name="Where")],
        )

    @classmethod
    def execute(cls, **inputs):
        return io.NodeOutput()


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Paint]


async def comfy_entrypoint():
    return Extension()
"""


@pytest.fixture
def painters(tmp_path: Path) -> Path:
    """The folder of a pack of one node with texts, without locale files."""
    folder = tmp_path / "painters"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACK, encoding="utf-8")
    return folder


def test_every_text_of_a_node_is_collected_in_the_form_of_comfyuis_own_files_and_escaped(painters: Path) -> None:
    nodes: dict[str, Any] = {"pack.Paint": load_pack_without_models(painters)["LOC_Paint"]}
    assert collect_node_texts(nodes)["pack_Paint"] == {
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
    assert escape_message("a {b} @c | $d, 50 %") == "a {'{'}b{'}'} {'@'}c {'|'} {'$'}d, 50 %"


def run(pack: Path, *arguments: str) -> int:
    return make_locales.main([*arguments, "--pack", str(pack)])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def merge(pack: Path, items: list[dict[str, Any]]) -> int:
    (pack / "filled.json").write_text(json.dumps(items), encoding="utf-8")
    return run(pack, "--merge", str(pack / "filled.json"))


@pytest.fixture
def german(painters: Path) -> Path:
    """The folder of a language in the pack, in which everything is translated."""
    folder = painters / "locales" / "de"
    folder.mkdir(parents=True)
    assert run(painters) == 0
    items = read(painters / make_locales.TO_DO)
    for item in items:
        item["translations"]["de"] = item["english"].upper()
    assert merge(painters, items) == 0
    return folder


def test_english_files_are_written_and_old_ones_found(painters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = painters / "locales" / "en" / "nodeDefs.json"
    assert run(painters, "--check") == 1
    assert not path.exists()
    assert run(painters) == 0
    assert capsys.readouterr().out == f"{path.with_name('main.json')}\n{path}\n"
    written = path.read_text(encoding="utf-8")
    assert read(path.with_name("main.json")) == {"nodeCategories": {"paint": "paint", "wet": "wet"}}
    assert run(painters, "--check") == 0
    path.write_text(written.replace("Which", "What"), encoding="utf-8")
    assert run(painters, "--check") == 1
    assert capsys.readouterr().err == "locales/en/nodeDefs.json is out of date: run make locales\n"
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


def test_a_filled_in_list_is_merged_and_texts_that_main_json_has_of_scripts_are_listed_too(
    painters: Path, german: Path
) -> None:
    assert run(painters, "--check") == 0
    assert not (painters / make_locales.TO_DO).exists()
    english, texts = read(german.parent / "en" / "nodeDefs.json"), read(german / "nodeDefs.json")
    assert texts["LOC_Paint"]["inputs"]["brush_ink"] == {"name": "INK", "tooltip": "INK."}
    assert json.dumps(texts).lower() == json.dumps(english).lower()
    assert read(german / "main.json") == {"nodeCategories": {"paint": "PAINT", "wet": "WET"}}
    main = german.parent / "en" / "main.json"
    main.write_text(json.dumps(read(main) | {"painters": {"button": "Finish"}}), encoding="utf-8")
    assert run(painters) == 0
    assert read(main)["painters"] == {"button": "Finish"}
    assert [item["english"] for item in read(painters / make_locales.TO_DO)] == ["Finish"]


def test_a_changed_text_is_stale_until_it_is_translated_and_what_is_not_needed_is_dropped(
    painters: Path, german: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A folder of the same path would not be imported a second time.
    changed = shutil.copytree(painters, painters.with_name("changed"))
    code = PACK.replace("Which one.", "Which of them.").replace("Toys/paint/wet", "Toys")
    code = code.replace('io.Float.Input("level", display_name="Level of ink"),', "")
    (changed / "__init__.py").write_text(code, encoding="utf-8")
    german = changed / "locales" / "de"
    assert run(changed, "--check") == 1
    assert "de: stale nodeDefs.LOC_Paint.inputs.brush.tooltip\n" in capsys.readouterr().err
    assert run(changed) == 0
    inputs = read(german / "nodeDefs.json")["LOC_Paint"]["inputs"]
    assert (inputs["brush"]["tooltip"], "level" in inputs) == ("WHICH ONE.", False)
    assert not any("level" in path or "Categories" in path for path in read(german / "sources.json"))
    assert not (german / "main.json").exists()
    assert run(changed, "--check") == 1
    (item,) = read(changed / make_locales.TO_DO)
    assert (item["english"], item["previous"]) == ("Which of them.", {"de": "WHICH ONE."})
    item["translations"]["de"] = "WELCHER."
    assert merge(changed, [item]) == 0
    assert read(german / "nodeDefs.json")["LOC_Paint"]["inputs"]["brush"]["tooltip"] == "WELCHER."
    assert run(changed, "--check") == 0


def test_a_bad_translation_is_refused(painters: Path, german: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items, before = read(painters / "filled.json"), read(german / "nodeDefs.json")
    for translations, message in (
        ({"de": "{Malt} {'|'}"}, "write \"{Malt} {'|'}\" without { }"),
        ({"it": "Dipingi"}, "there is no folder of language 'it', only of de; add it first"),
    ):
        assert merge(painters, [items[3] | {"translations": translations}]) == 1
        assert f"filled.json: {message}" in capsys.readouterr().err
    assert read(german / "nodeDefs.json") == before
    assert find_unescaped("mail@home | $5, 50 %") == ["$", "@", "|"]


PAINT, SIZE, DRAW = "nodeDefs.Paint.display_name", "nodeDefs.Paint.inputs.size", "nodeDefs.Draw.inputs.size"
ENGLISH = {PAINT: "Paint", f"{SIZE}.name": "size", f"{SIZE}.tooltip": "In pixels.", f"{DRAW}.name": "size"}


def translate(texts: dict[str, str]) -> Translation:
    """A German translation, made from the English texts."""
    return Translation("de", texts, {path: hash_text(ENGLISH[path]) for path in texts})


def test_an_update_takes_the_only_translation_of_the_same_english_text_of_the_same_kind() -> None:
    german = translate({f"{SIZE}.name": "Größe"})
    new = update_translation(german, ENGLISH)
    assert new.texts[f"{DRAW}.name"] == "Größe"
    assert new.find_open(ENGLISH) == [PAINT, f"{SIZE}.tooltip"]
    assert f"{DRAW}.tooltip" not in update_translation(new, ENGLISH | {f"{DRAW}.tooltip": "size"}).texts
    # Two translations disagree, or the English is another by now, or unknown.
    two, three = translate({f"{SIZE}.name": "Größe", f"{DRAW}.name": "Weite"}), ENGLISH | {"nodeDefs.Fill.name": "size"}
    assert "nodeDefs.Fill.name" in update_translation(two, three).find_missing(three)
    changed = ENGLISH | {f"{DRAW}.name": "length", f"{SIZE}.name": "length"}
    assert f"{DRAW}.name" in update_translation(german, changed).find_missing(changed)
    assert Translation("de", {PAINT: "Malen"}, {}).find_stale(ENGLISH) == [PAINT]
