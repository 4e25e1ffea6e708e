"""Every node explains itself: description, tooltips, locale file, and a help page that says what the code does."""

import math
import re
from pathlib import Path

from PIL import Image

from cases import each_case
from generators import locale_texts, make_locales
from generators.translations import update_translation
from loaded_pack import Pack
from runner.input_specs import AUTOGROW, Input, list_declared_inputs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "web" / "docs"
NODES = sorted(path.stem for path in DOCS.glob("*.md"))
PICTURE = "picture.jpg"
each_node = each_case("node_id", *NODES)


def inputs(pack: Pack, node_id: str) -> list[Input]:
    """The inputs of a node, nested ones included, the slots of an Autogrow as one."""
    every = list_declared_inputs(pack.node(node_id))
    grown = [item.name for item in every if item.type == AUTOGROW]
    return [item for item in every if not any(item.name.startswith(f"{name}.") for name in grown)]


def page(node_id: str) -> str:
    return (DOCS / f"{node_id}.md").read_text(encoding="utf-8")


def section(node_id: str, title: str) -> str:
    """What a help page says under one of its headings."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page(node_id), flags=re.MULTILINE | re.DOTALL)
    assert found, f"{node_id}.md has no section '{title}'"
    return found.group(1)


def rows(node_id: str, title: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    lines = [line for line in section(node_id, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_node_has_a_help_page_and_every_page_a_node(pack: Pack) -> None:
    assert sorted(pack.nodes) == NODES
    # ComfyUI looks for DAS_Name/LANGUAGE.md, then for DAS_Name.md, and for nothing else.
    assert sorted(path.name for path in DOCS.iterdir() if path.is_dir()) == NODES
    beside = {path.name for path in DOCS.glob("*/*")}
    assert all(re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?\.md", name) for name in beside - {PICTURE})


@each_node
def test_a_node_and_its_inputs_and_outputs_are_described(pack: Pack, node_id: str) -> None:
    schema = pack.node(node_id).GET_SCHEMA()
    assert re.fullmatch(r"DAS_[A-Za-z]+", schema.node_id)
    assert re.fullmatch(r"Direct Ascent(/[a-z]+)*", schema.category)
    assert len(schema.display_name.split()) > 1, "one word says nothing in a search of all packs"
    assert len(schema.description.split()) >= 10
    for item in list_declared_inputs(pack.node(node_id)):
        assert len(item.tooltip.split()) >= 5, f"the tooltip of {item.name} says little: {item.tooltip!r}"
    assert all(output.tooltip for output in schema.outputs)


@each_node
def test_a_help_page_has_its_sections_and_stays_short(pack: Pack, node_id: str) -> None:
    text = page(node_id)
    assert len(re.sub(r"\]\(DAS_[^)]+\)", "]", text).encode()) < 4300, "without the addresses of its links"
    assert text.startswith(f"# {pack.node(node_id).GET_SCHEMA().display_name}\n\n")
    titles = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert titles == ["How to use it", "Inputs", "Outputs", "Try this", "When it goes wrong"]


@each_node
def test_a_help_page_shows_a_small_picture_of_its_own(node_id: str) -> None:
    # Addresses of pictures begin at web/docs, in the page of ComfyUI as in the file.
    assert f"]({node_id}/{PICTURE})\n" in page(node_id).partition("\n## ")[0]
    with Image.open(DOCS / node_id / PICTURE) as picture:
        assert (picture.format, picture.width <= 512) == ("JPEG", True)


def heading(item: Input) -> str:
    """How a help page names an input."""
    outer, _, name = item.name.rpartition(".")
    if not item.option:
        return f"`{name}`"
    choice = outer.rpartition(".")[2]
    # Of these there is one a node, which brings most of its inputs.
    return f"`{name}` ({item.option})" if choice in ("recipe", "details") else f"`{name}` ({choice}: {item.option})"


def default(item: Input) -> str | None:
    """How a help page writes the default of an input; None where it depends on what is installed."""
    if item.type == AUTOGROW:
        return {1: "at least one", 2: "at least two"}[item.settings["template"]["min"]]
    options = item.options or []
    is_long = len(options) > 20
    if item.options == [] or item.settings.get("files") or (is_long and item.default == options[0]):
        return "first of the list"
    if item.default is None:
        return "required" if item.required else "optional"
    if isinstance(item.default, float):
        # The page of ComfyUI shows as many decimals as the step of the widget has.
        decimals = max(1, -math.floor(math.log10(item.settings["step"])))
        return str(round(item.default, decimals))
    # A line break in a cell of a table is written so.
    return str(item.default).replace("\n", "<br>")


@each_node
def test_a_help_page_names_every_input_with_its_default_and_every_output(pack: Pack, node_id: str) -> None:
    expected = {heading(item): default(item) for item in inputs(pack, node_id)}
    assert {row[0]: row[-1] for row in rows(node_id, "Inputs")} == expected
    outputs = [f"`{output.id}`" for output in pack.node(node_id).GET_SCHEMA().outputs]
    assert [row[0] for row in rows(node_id, "Outputs")] == outputs


def test_the_locale_files_are_up_to_date_and_completely_translated(pack: Pack) -> None:
    english = locale_texts.collect_english(pack.nodes, make_locales.read_texts(ROOT / "locales" / "en"))
    old = make_locales.read_translations(ROOT / "locales")
    assert make_locales.list_problems(english, old) == []
    for path, text in make_locales.format_files(english, [update_translation(one, english) for one in old]).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run make locales"
