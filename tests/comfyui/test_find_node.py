"""Nodes inside subgraphs in the real page: class names are suggested there, results come back, texts are shown."""

import json

import pytest
from playwright.sync_api import Page, expect

from harness.client import Client
from harness.page import export_api, load_api, load_template, load_workflow, press_run
from repository import REPOSITORY
from template_page import set_renderer

LIST = "[data-das-suggestions] > div"

JS_ENCLOSE = """() => {
    const { node } = app.graph.convertToSubgraph(new Set(app.graph.nodes))
    return String(node.id)
}"""
"""Puts all nodes into a subgraph and returns the id of the node that holds it."""

JS_OPEN = "(id) => { const host = app.graph.getNodeById(id); app.canvas.openSubgraph(host.subgraph, host) }"

JS_SHOW = """() => {
    const [{ pos }] = app.canvas.graph.nodes
    Object.assign(app.canvas.ds, { scale: 1, offset: [400 - pos[0], 200 - pos[1]] })
    app.canvas.setDirty(true, true)
}"""

JS_SHOWN = """([type, name]) =>
    app.canvas.graph.nodes.find((node) => node.type === type).widgets.find((widget) => widget.name === name)?.value"""

in_both_renderers = pytest.mark.parametrize("modern", [False, True], ids=["classic", "nodes 2.0"])


def load_blueprint(page: Page, name: str) -> str:
    """Load a blueprint and return the id of its node."""
    workflow = json.loads((REPOSITORY / "subgraphs" / f"{name}.json").read_text(encoding="utf-8"))
    load_workflow(page, workflow, name)
    host: str = page.evaluate("String(app.graph.nodes[0].id)")
    return host


def take_suggestion(page: Page) -> list[str]:
    """Type the beginning of a name into the text box that is seen, take the name, and return the classes of the run."""
    page.evaluate(JS_SHOW)
    area = page.locator("textarea:visible").first
    area.click()
    area.fill("")
    area.press_sequentially("jellyf")
    expect(page.locator(LIST)).to_have_text(["jellyfish"])
    area.press("Tab")
    expect(page.locator(LIST)).to_have_count(0)
    return [node["inputs"]["classes"] for node in export_api(page).values() if "classes" in node["inputs"]]


@in_both_renderers
def test_names_are_suggested_on_the_face_of_a_blueprint(page: Page, modern: bool) -> None:
    try:
        load_blueprint(page, "Class to Image")
        set_renderer(page, modern)
        assert take_suggestion(page) == ["jellyfish"]
    finally:
        set_renderer(page, False)


def test_no_names_are_suggested_on_the_face_of_another_blueprint(page: Page) -> None:
    load_blueprint(page, "Text to Image")
    page.evaluate(JS_SHOW)
    area = page.locator("textarea:visible").first
    area.click()
    area.press_sequentially(" jellyf")
    expect(page.locator(LIST)).to_have_count(0)


@in_both_renderers
def test_names_are_suggested_inside_a_subgraph(page: Page, modern: bool) -> None:
    try:
        load_api(page, {"1": {"class_type": "DAS_ClassObjective", "inputs": {"classes": ""}}}, "classes")
        page.evaluate(JS_OPEN, page.evaluate(JS_ENCLOSE))
        set_renderer(page, modern)
        assert take_suggestion(page) == ["jellyfish"]
    finally:
        set_renderer(page, False)


def test_a_text_result_inside_a_subgraph_comes_back(comfyui: Client, page: Page) -> None:
    loader = {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter", "precision": "auto"}}
    listing = {"class_type": "DAS_ListLayers", "inputs": {"model": ["1", 0], "search": "blocks.3 conv_dw"}}
    load_api(page, {"1": loader, "2": listing}, "layers")
    host = page.evaluate(JS_ENCLOSE)
    history = comfyui.wait(press_run(page), timeout=300)
    ((node_id, shown),) = history["outputs"].items()
    assert node_id.startswith(f"{host}:")
    page.evaluate(JS_OPEN, host)
    result = ["DAS_ListLayers", "result"]
    page.wait_for_function(f"([arg, text]) => ({JS_SHOWN})(arg) === text", arg=[result, shown["text"][0]])
    # As when one comes back to a tab: by the ids of either kind.
    for outputs in ("app.nodeOutputs", f"({{ '{node_id}': {json.dumps(shown)} }})"):
        page.evaluate(
            f"""() => {{
                app.canvas.graph.nodes.find(({{ type }}) => type === 'DAS_ListLayers').widgets.at(-1).value = ''
                app.nodeOutputs = {outputs}
            }}"""
        )
        assert page.evaluate(JS_SHOWN, result) == shown["text"][0]


def test_what_a_node_inside_has_said_is_seen_when_the_subgraph_opens(page: Page) -> None:
    host = load_blueprint(page, "Class to Image")
    said = {"nodeId": f"{host}:3", "text": "60 steps in 9 s"}
    page.evaluate("said => app.api.dispatchCustomEvent('progress_text', said)", said)
    page.evaluate(JS_OPEN, host)
    shown = ["DAS_Optimize", "$$node-text-preview"]
    page.wait_for_function(f"arg => ({JS_SHOWN})(arg) === '60 steps in 9 s'", arg=shown)
    # A long text gets room on the node.
    (before,) = page.evaluate("app.canvas.graph.nodes.filter(n => n.type === 'DAS_Optimize').map(n => n.size[1])")
    page.evaluate("said => app.api.dispatchCustomEvent('progress_text', said)", said | {"text": "one line\n" * 6})
    page.wait_for_function(
        "before => app.canvas.graph.nodes.find(({ type }) => type === 'DAS_Optimize').size[1] > before", arg=before
    )


def test_what_a_node_of_another_workflow_says_is_not_shown_on_a_note(page: Page) -> None:
    load_template(page, "01 Class to image")
    texts = """said => {
        const note = app.graph.nodes.find(({ type }) => type === 'MarkdownNote')
        const count = () => note.widgets.length
        if (said) app.api.dispatchCustomEvent('progress_text', { nodeId: String(note.id), text: said })
        return count()
    }"""
    before = page.evaluate(texts, None)
    page.evaluate(texts, "step 1/60")
    page.wait_for_function(f"before => ({texts})(null) === before", arg=before)
