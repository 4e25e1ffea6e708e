"""The node search of the page: what a newcomer types leads to a node of this pack.

The page ranks a name above every alias and, of names that begin alike, the often used nodes of ComfyUI above all
others. So "clip", "prompt" and "video" cannot be won: many nodes of ComfyUI begin so.
"""

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError

from harness.client import Client
from harness.page import open_page
from repository import REPOSITORY

SHOWN = 5
"""The results that are seen without scrolling."""

ATTEMPTS, ATTEMPT_SECONDS = 6, 10.0

SEARCHES = {
    "deep dream": "Direct Ascent Optimize",
    "direct ascent": "",
    "gradient ascent": "Direct Ascent Optimize",
    "style transfer": "Style Objective",
    "classifier": "Load Classifier",
    "feature visualization": "Feature Objective",
    "seamless tile": "Image Stack",
    "class": "Class Objective",
    "category": "Class Objective",
    "inpaint": "Inpaint",
    "text to image": "Text to Image",
    "interpretability": "Feature Objective",
    "microscope": "Feature Atlas",
    "film": "Direct Ascent Optimize",
    "deepdream": "Direct Ascent Optimize",
    "optimize": "Direct Ascent Optimize",
    "gif": "",
    "svg": "Stack to SVG",
    "photo": "",
}
"""By what is typed, the node or blueprint that has to be among the first results; empty: any of this pack."""

OURS = ("direct-ascent", "Subgraph Blueprints / Direct Ascent")
"""How the page marks nodes and blueprints of this pack."""


def open_search(page: Page) -> Locator:
    """Open the node search by a double click on the empty canvas, and return its field."""
    field = page.locator("input[aria-controls=results-list]")
    for attempt in range(ATTEMPTS):
        # A page that is still busy after the clearing of its graph loses the click.
        page.locator("#graph-canvas").dblclick(position={"x": 700, "y": 450}, force=True)
        try:
            field.wait_for(timeout=ATTEMPT_SECONDS * 1000)
            break
        except TimeoutError:
            if attempt == ATTEMPTS - 1:
                raise
    return field


def search(page: Page, field: Locator, query: str) -> list[str]:
    """Return the names of the first results, each with its pack."""
    field.fill(query)
    # The results of an earlier query stand there until the page has been drawn again.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    results = page.locator("[data-testid=result-item]").all_inner_texts()
    return [text.replace("\n", " | ") for text in results[:SHOWN]]


def test_no_node_has_the_name_of_a_node_of_comfyui(comfyui: Client) -> None:
    names: dict[bool, set[str]] = {True: set(), False: set()}
    for node_id, node in comfyui.get("/object_info").items():
        names[node_id.startswith("DAS_")].add(node["display_name"])
    assert len(names[True]) == len(list((REPOSITORY / "web" / "docs").glob("*.md")))
    assert not names[True] & names[False]


def test_what_newcomers_type_leads_to_nodes_of_this_pack(comfyui: Client, browser: Browser) -> None:
    if "search_aliases" not in comfyui.get_object_info("DAS_Optimize"):
        pytest.skip("this ComfyUI has no search aliases")
    with open_page(browser, comfyui) as page:
        page.evaluate("app.graph.clear()")
        field = open_search(page)
        found = {query: search(page, field, query) for query in SEARCHES}
    missing = {
        query: results
        for query, results in found.items()
        if not any(SEARCHES[query] in result and any(mark in result for mark in OURS) for result in results)
    }
    assert missing == {}
