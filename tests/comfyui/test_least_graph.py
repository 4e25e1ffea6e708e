"""The least graph that makes a picture: four nodes, put on an empty page as a user does, with what they begin with."""

from playwright.sync_api import Page

from harness.client import Client
from harness.page import export_api
from short_examples import shortened

BUILD = """() => {
    app.graph.clear()
    const [loader, objective, optimize, save] = [
        'DAS_LoadClassifier', 'DAS_ClassObjective', 'DAS_Optimize', 'SaveImage',
    ].map((type) => { const node = LiteGraph.createNode(type); app.graph.add(node); return node })
    const slot = (node, name) => node.inputs.findIndex((input) => input.name.endsWith(name))
    loader.connect(0, objective, slot(objective, 'classifier'))
    objective.connect(0, optimize, slot(optimize, 'objective0'))
    optimize.connect(0, save, slot(save, 'images'))
}"""


def test_four_nodes_and_three_links_make_a_picture_of_the_default_size(comfyui: Client, page: Page) -> None:
    page.evaluate(BUILD)
    prompt = export_api(page)
    (recipe,) = (node["inputs"]["recipe"] for node in prompt.values() if node["class_type"] == "DAS_Optimize")
    assert recipe == "picture"
    inputs = {node["class_type"]: node["inputs"] for node in prompt.values()}
    assert len(prompt) == 4
    assert inputs["DAS_LoadClassifier"]["source"] == "starters"
    links = [value for values in inputs.values() for value in values.values() if isinstance(value, list)]
    assert len(links) == 3
    assert "stack" not in inputs["DAS_Optimize"]
    (saver,) = (name for name, node in prompt.items() if node["class_type"] == "SaveImage")
    (image,) = comfyui.get_images(comfyui.run(shortened(prompt), timeout=300), saver)
    assert image.size == (448, 448)
