"""Make the blueprints: subgraph nodes that ComfyUI's node search finds by name, with nodes of example workflows inside.

    make blueprints [ARGS="name ..."]

subgraphs/NAME.json is made from the nodes and settings of example_workflows/api/EXAMPLE.json; blueprint_spec.py has the
EXAMPLE for each NAME. The page of a real ComfyUI in headless Chromium loads the selected nodes and converts them to its
workflow format, and the blueprint is built from these. Then the page opens the blueprint; the nodes, inputs and links
in its subgraph are compared with the selected ones. ComfyUI is expected in the folder that the environment variable
COMFYUI_PATH names, else in ~/ComfyUI. It is started with this Python, which therefore needs ComfyUI's requirements.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from generators.blueprint_file import HOST_ID, make_blueprint
from generators.blueprint_inside import add_prefix, cut_out
from generators.blueprint_spec import BLUEPRINTS, Blueprint
from generators.example_layout import Link, compute_layout
from generators.example_workflow import RoundTripError, find_differences
from generators.prompt_widgets import is_link
from harness.client import Client
from harness.events import Json
from harness.page import export_api, load_api, load_workflow, open_page, start_chromium
from harness.server import start_comfyui
from repository import REPOSITORY

GRID = 10
"""Sizes are rounded up to multiples of this number of pixels, because on the page they vary by a pixel or two with the
fonts of the machine."""

MINIMUM_WIDTH = 270

JS_WRITE_NODES = """(randomized) => {
    for (const node of app.graph.nodes)
        for (const widget of node.widgets ?? [])
            if (widget.name === 'control_after_generate')
                widget.value = randomized.includes(String(node.id)) ? 'randomize' : 'fixed'
    return JSON.stringify(app.graph.serialize())
}"""
"""Returns the workflow as JSON, in which the seeds of the given nodes change after every run and other seeds stay."""

JS_MEASURE = "() => [...app.graph.nodes[0].computeSize()]"
"""Returns the width and height that the only node on the page needs."""


def make(page: Page, prompt: Mapping[str, Any], blueprint: Blueprint) -> Json:
    """Return the content of the file of a blueprint: a subgraph node that contains nodes of an example workflow.

    `cut_out` selects these nodes, and ComfyUI's page converts them to its workflow format. Then the page opens the
    blueprint, and the nodes in its subgraph are compared with the selected nodes.

    Args:
        page: ComfyUI's page; the workflow on it is replaced.
        prompt: the example workflow, in API format.
        blueprint: the name, the widgets and the sockets of the blueprint.

    Raises:
        ValueError: the blueprint does not fit the example workflow (see `cut_out`); or a node has two or more links in
            an Autogrow (an input that grows by one slot with each link), and the blueprint gives a widget of this node
            a label other than the name of the widget.
        RoundTripError: the nodes in the subgraph, their inputs or their links differ from those of the example
            workflow; the message lists the differences.
    """
    inside = cut_out(prompt, blueprint)
    load_api(page, inside.prompt, blueprint.name)
    expected = add_prefix(export_api(page), HOST_ID)
    randomized = [node for node, name in inside.widgets.values() if name == "seed"]
    written: Json = json.loads(page.evaluate(JS_WRITE_NODES, randomized))
    sizes = {str(node["id"]): _round_up(node["size"]) for node in written["nodes"]}
    made = make_blueprint(blueprint, inside, written, compute_layout(sizes, _list_links(inside.prompt)))
    load_workflow(page, made, blueprint.name)
    if found := find_differences(expected, export_api(page)):
        raise RoundTripError(f"{blueprint.name}: inside is not what its example says:\n  " + "\n  ".join(found))
    made["nodes"][0]["size"] = list(_round_up(page.evaluate(JS_MEASURE)))
    return made


def _round_up(size: Sequence[float]) -> tuple[int, int]:
    width, height = (math.ceil(side / GRID) * GRID for side in size)
    return max(width, MINIMUM_WIDTH), height


def _list_links(prompt: Mapping[str, Any]) -> list[Link]:
    return [
        Link(value[0], target, order)
        for target, node in prompt.items()
        for order, value in enumerate(value for value in node["inputs"].values() if is_link(value))
    ]


def write_blueprint(client: Client, browser: Browser, blueprint: Blueprint, examples: Path, folder: Path) -> None:
    """Make one blueprint in ComfyUI's page, and write it to the file NAME.json.

    Args:
        client: a client of a running ComfyUI.
        browser: the browser in which the page of this ComfyUI is opened.
        blueprint: the blueprint to make.
        examples: the folder of the example workflows.
        folder: the folder for the file.

    Raises:
        ValueError: the blueprint does not fit its example workflow, see `make`.
        RoundTripError: the nodes in the subgraph, their inputs or their links differ from those of the example
            workflow.
    """
    prompt = json.loads((examples / "api" / f"{blueprint.example}.json").read_text(encoding="utf-8"))
    with open_page(browser, client) as page:
        made = make(page, prompt, blueprint)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{blueprint.name}.json"
    target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(target)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    description, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="make_blueprints", description=description, epilog=details)
    names = [blueprint.name for blueprint in BLUEPRINTS]
    parser.add_argument("names", nargs="*", metavar="name", help=f"the blueprint to make, of {names}; all by default")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "subgraphs", help="where to write them")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(names):
        parser.error(f"no blueprint {sorted(unknown)}; there are {names}")
    return given


def main(arguments: Sequence[str]) -> int:
    """Make the blueprints and return the exit code: 1 if a blueprint differs from its example workflow, else 0."""
    options = parse_arguments(arguments)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, start_comfyui(Path(folder)) as server, start_chromium() as browser:
        for blueprint in BLUEPRINTS:
            if options.names and blueprint.name not in options.names:
                continue
            try:
                write_blueprint(Client(server), browser, blueprint, REPOSITORY / "example_workflows", options.folder)
            except RoundTripError as error:
                print(error, file=sys.stderr)
                failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
