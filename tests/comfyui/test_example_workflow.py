"""Every template in the page says what its API form says, which is made without the page."""

import pytest
from playwright.sync_api import Browser

from generators.make_examples import name_api
from harness.client import Client
from harness.page import load_template, open_page
from short_examples import EXAMPLES, read_example
from template_page import NAMES, has_nodes_2

JS_GET_PROMPT = """async () => {
    const prompt = JSON.parse(JSON.stringify((await app.graphToPrompt()).output)) // as it is sent
    for (const node of Object.values(prompt)) {
        const { required, optional } = LiteGraph.registered_node_types[node.class_type].nodeData.input
        for (const name of Object.keys(node.inputs))
            if (!(name.split('.')[0] in { ...required, ...optional })) delete node.inputs[name]
    }
    return prompt
}"""
"""Returns the workflow in API format, without the values of widgets that are no inputs of the node, such as the text
that PreviewAny shows. The page adds such values when it exports a workflow."""


@pytest.mark.parametrize("name", NAMES)
def test_every_template_says_what_its_api_form_says(comfyui: Client, browser: Browser, name: str) -> None:
    form = read_example(f"api/{name_api(EXAMPLES / name)}")
    with open_page(browser, comfyui) as page:
        load_template(page, name)
        prompt = page.evaluate(JS_GET_PROMPT)
    # Some nodes of an older ComfyUI, such as Create Video, have other inputs than today.
    ours = "" if has_nodes_2(comfyui) else "DAS_"
    said, expected = (
        {
            node: (content["class_type"], content["inputs"] if content["class_type"].startswith(ours) else None)
            for node, content in nodes.items()
        }
        for nodes in (prompt, form)
    )
    assert said == expected
