"""Every node explains itself: description, tooltips, locale file, and a help page that says what the code does."""

import ast
import json
import math
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
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
each_node = each_case("node_id", NODES)


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
    assert PICTURE in beside
    # The English text is DAS_Name.md, which all languages without a translation see.
    assert "en.md" not in beside
    assert all(re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?\.md", name) for name in beside - {PICTURE})


@each_node
def test_a_node_has_an_id_a_category_and_a_description(pack: Pack, node_id: str) -> None:
    schema = pack.node(node_id).GET_SCHEMA()
    assert re.fullmatch(r"DAS_[A-Za-z]+", schema.node_id)
    assert re.fullmatch(r"Direct Ascent(/[a-z]+)*", schema.category)
    assert len(schema.description.split()) >= 10
    assert schema.display_name
    assert "DAS" not in schema.display_name


def test_the_names_of_nodes_are_told_apart(pack: Pack) -> None:
    names = [node.GET_SCHEMA().display_name for node in pack.nodes.values()]
    assert len(set(names)) == len(names)
    # ComfyUI has a node 'Load CLIP' of its own.
    assert not any(re.fullmatch("Load CLIP", name) for name in names)


@each_node
def test_tooltips_are_there_and_say_something_of_their_own(pack: Pack, node_id: str) -> None:
    tooltips = [item.tooltip for item in inputs(pack, node_id)]
    assert len(set(tooltips)) == len(tooltips), "two inputs have one tooltip"
    for item in list_declared_inputs(pack.node(node_id)):
        assert len(item.tooltip.split()) >= 5, f"the tooltip of {item.name} says little: {item.tooltip!r}"
    for output in pack.node(node_id).GET_SCHEMA().outputs:
        assert output.tooltip, f"the output {output.id} has no tooltip"


@each_node
def test_a_help_page_has_its_sections_and_stays_short(pack: Pack, node_id: str) -> None:
    text = page(node_id)
    assert len(re.sub(r"\]\(DAS_[^)]+\)", "]", text).encode()) < 4300, "without the addresses of its links"
    assert text.startswith(f"# {pack.node(node_id).GET_SCHEMA().display_name}\n\n")
    titles = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert titles == ["How to use it", "Inputs", "Outputs", "Try this", "When it goes wrong"]
    suggestions = re.findall(r"^- ", section(node_id, "Try this"), flags=re.MULTILINE)
    assert 2 <= len(suggestions) <= 5


@each_node
def test_a_help_page_shows_a_small_picture_of_its_own(node_id: str) -> None:
    intro = page(node_id).partition("\n## ")[0]
    # Addresses of pictures begin at web/docs, in the page of ComfyUI as in the file.
    assert re.search(rf"^!\[[^]]+\]\({node_id}/{PICTURE}\)\n\n\*[^*]+\.\*$", intro, flags=re.MULTILINE)
    path = DOCS / node_id / PICTURE
    assert path.stat().st_size <= 60_000
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        assert 300 <= picture.width <= 512


def test_the_pictures_of_the_help_pages_differ_and_are_small_together() -> None:
    pictures = [path.read_bytes() for path in DOCS.glob(f"*/{PICTURE}")]
    assert len(set(pictures)) == len(NODES)
    assert sum(map(len, pictures)) < 1_500_000


@each_node
def test_a_help_page_links_every_other_node_where_it_is_named_first(pack: Pack, node_id: str) -> None:
    ids = {node.GET_SCHEMA().display_name: other for other, node in pack.nodes.items()}
    linked: dict[str, str] = {}
    for before, name, address in re.findall(r"(\[?)\*\*(.+?)\*\*(?:\]\((DAS_\w+\.md)\))?", page(node_id), re.DOTALL):
        name = " ".join(name.split())
        if name in ids and ids[name] != node_id and name not in linked:
            assert before, f"write [**{name}**]({ids[name]}.md)"
            linked[name] = address
    assert linked == {name: f"{ids[name]}.md" for name in linked}


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
    is_long = len(item.options or ()) > 20
    if item.options == [] or item.settings.get("files") or (is_long and item.default == item.options[0]):
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


@each_node
def test_a_help_page_names_every_option(pack: Pack, node_id: str) -> None:
    text = section(node_id, "Inputs")
    for item in (item for item in inputs(pack, node_id) if not item.settings.get("files")):
        for option in item.options or [] if len(item.options or []) <= 20 else []:
            assert f"`{option}`" in text, f"the option {option} of {item.name} is not explained"


@cache
def messages() -> tuple[str, ...]:
    """Every text in the code, with … for what is filled in when the code runs.

    Some functions get a part of their message from the caller: `check_choice("curve", …)` says that a curve is unknown.
    Such a message is here once more for every call that gives the part as a text.
    """
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for folder in ("nodes", "das_core")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    parts = [part for tree in trees for part in ast.walk(tree)]
    found = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    found += [fill_in(part, {}) for part in parts if isinstance(part, ast.JoinedStr)]
    calls: dict[str, list[ast.Call]] = defaultdict(list)
    for part in parts:
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            calls[part.func.id].append(part)
    for function in (part for part in parts if isinstance(part, ast.FunctionDef)):
        texts = [part for part in ast.walk(function) if isinstance(part, ast.JoinedStr)]
        for given in filter(None, (constants(call, function) for call in calls[function.name])):
            found += [fill_in(text, given) for text in texts]
    return tuple(found)


def fill_in(text: ast.JoinedStr, given: dict[str, str]) -> str:
    """An f-string with those names filled in that are given, and … for everything else."""
    return "".join(
        str(part.value)
        if isinstance(part, ast.Constant)
        else given.get(part.value.id, "…")
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
        else "…"
        for part in text.values
    )


def constants(call: ast.Call, function: ast.FunctionDef) -> dict[str, str]:
    """The texts that a call gives to the parameters of a function."""
    names = [argument.arg for argument in function.args.args]
    arguments = [*zip(names, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)]
    return {
        name: value.value
        for name, value in arguments
        if name and isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def test_messages_are_found_with_the_parts_that_callers_give() -> None:
    assert {"curve '…' is unknown; choose one of …", "… '…' is unknown; choose one of …"} <= set(messages())
    assert not any(re.search("fog '.*' is unknown", message) for message in messages())


@pytest.fixture
def names(pack: Pack) -> set[str]:
    """The display names of all nodes."""
    return {node.GET_SCHEMA().display_name for node in pack.nodes.values()}


@each_node
def test_what_a_help_page_prints_bold_is_a_node_or_a_message_of_the_code(names: set[str], node_id: str) -> None:
    for bold in re.findall(r"\*\*(.+?)\*\*", page(node_id).replace("\n", " ")):
        pattern = ".*".join(re.escape(part) for part in bold.split("…"))
        said = any(re.search(pattern, message, flags=re.DOTALL) for message in messages())
        assert bold in names or said, (
            f"{node_id}.md speaks of '{bold}', and neither a node nor a message is called that"
        )


def test_the_locale_files_are_up_to_date_and_completely_translated(pack: Pack) -> None:
    english = locale_texts.collect_english(pack.nodes, make_locales.read_texts(ROOT / "locales" / "en"))
    old = make_locales.read_translations(ROOT / "locales")
    assert make_locales.list_problems(english, old) == []
    for path, text in make_locales.format_files(english, [update_translation(one, english) for one in old]).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "run make locales"


@each_node
def test_the_locale_file_has_a_text_for_everything_a_page_can_show(pack: Pack, node_id: str) -> None:
    texts: dict[str, Any] = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))[node_id]
    for item in list_declared_inputs(pack.node(node_id)):
        # The page looks for optimizer.step_size as optimizer_step_size.
        entry = texts["inputs"][item.name.replace(".", "_")]
        assert entry["name"] == item.name.rpartition(".")[2]
        assert item.tooltip in entry["tooltip"]
    outputs = pack.node(node_id).GET_SCHEMA().outputs
    assert texts["outputs"] == {str(i): {"name": o.id, "tooltip": o.tooltip} for i, o in enumerate(outputs)}


def test_options_that_share_a_name_share_a_tooltip(pack: Pack) -> None:
    texts = locale_texts.collect_texts(pack.node("DAS_Optimize"))["inputs"]["recipe_optimizer_momentum"]["tooltip"]
    assert texts.startswith("ascent: How much")
    assert "\nsgd: 0: the paper's" in texts
