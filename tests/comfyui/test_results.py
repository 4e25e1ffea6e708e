"""Nodes that show their results themselves: each alone at the end of a workflow, in ComfyUI and in its page."""

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from harness.client import Client
from harness.page import export_api, load_api, press_run, wait_until_ready
from short_examples import DETAILS, read_example, set_recipe

Prompt = dict[str, Any]


def make_sources() -> Prompt:
    """The nodes of an example that lead to its picture, made small, and a CLIP; each under its class name."""
    nodes: Prompt = read_example("sweeps/small")
    wanted = {"DAS_Optimize", "DAS_ImageStack", "DAS_Augmentation", "DAS_ClassObjective", "DAS_LoadClassifier"}
    names: dict[str, str] = {}
    for name, node in nodes.items():
        if node["class_type"] in wanted and node["class_type"] not in names.values():
            names[name] = node["class_type"]
    for node in nodes.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                node["inputs"][name] = [names.get(value[0]), value[1]]
    sources = {names[name]: node for name, node in nodes.items() if name in names}
    sources["DAS_LoadClassifier"]["inputs"]["source"] = "starter"
    sources["DAS_ImageStack"]["inputs"] |= {"width": 64, "height": 64, "details.margin": 16}
    sources["DAS_Augmentation"]["inputs"] |= DETAILS | {"views": 2, "details.jitter": 16}
    set_recipe(sources["DAS_Optimize"]["inputs"], steps=2, frame_every=1)
    clip = {"source": "starter", "precision": "auto"}
    return sources | {"DAS_LoadCLIP": {"class_type": "DAS_LoadCLIP", "inputs": clip}}


IMAGE, STACK, FRAMES, HISTORY = (["DAS_Optimize", number] for number in range(4))
CLASSIFIER, CLIP = ["DAS_LoadClassifier", 0], ["DAS_LoadCLIP", 0]

NODES: dict[str, tuple[Prompt, str | None, int]] = {
    # The inputs, how the text begins, and the number of images that are shown.
    "DAS_Classify": ({"classifier": CLASSIFIER, "image": FRAMES, "top_k": 5}, "image 1: EfficientNet-Lite0 sees:", 2),
    "DAS_Similarity": ({"clip": CLIP, "image": IMAGE, "text": "a reef\na castle"}, "", 1),
    "DAS_PlotHistory": ({"history": HISTORY}, "jellyfish: ", 1),
    "DAS_StackLevels": ({"stack": STACK, "size": 64, "stretch": True}, None, 1),
    "DAS_SaveStack": ({"stack": STACK, "filename_prefix": "results"}, "saved as results_0000", 0),
    "DAS_ListLayers": ({"model": CLASSIFIER, "search": "blocks.3 conv_dw"}, "EfficientNet-Lite0: 3 of its ", 0),
    "DAS_FeatureAtlas": (
        {"model": CLASSIFIER, "layer": "blocks.0", "units": "3", "pictures": "more", "seed": 0},
        "blocks.0 of EfficientNet-Lite0: ",
        0,
    ),
}


def ending_in(node: str) -> Prompt:
    """A workflow that ends in a node, without anything that this node does not need."""
    sources = make_sources()
    prompt: Prompt = {"end": {"class_type": node, "inputs": dict(NODES[node][0])}}
    pending = ["end"]
    while pending:
        for value in prompt[pending.pop()]["inputs"].values():
            if isinstance(value, list) and value[0] not in prompt:
                prompt[value[0]] = sources[value[0]]
                pending.append(value[0])
    # The page takes numbers only for the names of nodes.
    numbers = {name: str(number) for number, name in enumerate(prompt, start=1)}
    for entry in prompt.values():
        for name, value in entry["inputs"].items():
            if isinstance(value, list):
                entry["inputs"][name] = [numbers[value[0]], value[1]]
    return {numbers[name]: entry for name, entry in prompt.items()}


END = "1"


@pytest.mark.parametrize("node", NODES)
def test_a_node_at_the_end_of_a_workflow_runs_and_what_it_shows_is_in_the_history(comfyui: Client, node: str) -> None:
    _, text, count = NODES[node]
    history = comfyui.run(ending_in(node), timeout=300)
    shown = history["outputs"][END]
    if text is None:
        assert "text" not in shown
    else:
        (said,) = shown["text"]
        assert said.startswith(text)
    images = comfyui.get_images(history, END)
    assert len(images) == count
    assert [entry["type"] for entry in shown.get("images", [])] == ["temp"] * count
    for image in images:
        assert np.ptp(np.asarray(image.convert("L"))) > 100
        assert json.loads(image.info["prompt"])[END]["class_type"] == node


def test_a_second_run_shows_the_result_again_without_running_the_node(comfyui: Client) -> None:
    prompt = ending_in("DAS_ListLayers")
    shown = []
    # ComfyUI 0.8.0 sends cached results to clients that listen, and has them in its history for these only.
    with comfyui.open_events() as events:
        for _ in range(2):
            history = comfyui.wait(comfyui.queue(prompt, events), timeout=300)
            shown.append(history["outputs"][END])
    assert END in dict(history["status"]["messages"])["execution_cached"]["nodes"]
    assert shown[0] == shown[1]


def test_a_new_node_is_wide_enough_for_its_chart(page: Page) -> None:
    load_api(page, ending_in("DAS_PlotHistory"), "charts")
    (width,) = page.evaluate("app.graph.nodes.filter((n) => n.type === 'DAS_PlotHistory').map((n) => n.size[0])")
    assert width == 300


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "nodes 2.0"])
def test_the_page_shows_a_chart_and_a_list_and_the_workflow_stays_as_it_was(
    comfyui: Client, page: Page, vue: bool
) -> None:
    comfyui.post("/settings/Comfy.VueNodes.Enabled", vue)
    try:
        page.reload()
        wait_until_ready(page)
        classify, listing = ending_in("DAS_Classify"), ending_in("DAS_ListLayers")
        loader = next(name for name, node in classify.items() if node["class_type"] == "DAS_LoadClassifier")
        listing[END]["inputs"]["model"] = [loader, 0]
        saving = ending_in("DAS_SaveStack")[END]
        saving["inputs"]["stack"][0] = next(
            name for name, node in classify.items() if node["class_type"] == "DAS_Optimize"
        )
        load_api(page, classify | {"90": listing[END], "91": saving}, "results")
        before = export_api(page)
        history = comfyui.wait(press_run(page), timeout=300)
        texts = {history["outputs"][node]["text"][0] for node in ("90", "91")}
        page.wait_for_function(
            """texts => {
                const shown = [...document.querySelectorAll('textarea[data-das-result]')].map((area) => area.value)
                return texts.every((text) => shown.includes(text))
            }""",
            arg=sorted(texts),
        )
        chart = history["outputs"][END]["images"][0]["filename"]
        # The classic canvas keeps the pictures that it draws at the node; Nodes 2.0 has them in the document.
        page.wait_for_function(
            """name => [...document.images, ...app.graph.nodes.flatMap((node) => node.imgs ?? [])]
                .some((image) => image.src.includes(name) && image.naturalWidth === 600)""",
            arg=chart,
        )
        # Seeds change after a run; the list is no input.
        assert export_api(page)["90"] == before["90"]
        (saved,) = page.evaluate(
            "app.graph.serialize().nodes.filter((node) => node.type === 'DAS_ListLayers').map((n) => n.widgets_values)"
        )
        assert saved == ["blocks.3 conv_dw"]
    finally:
        comfyui.post("/settings/Comfy.VueNodes.Enabled", False)
