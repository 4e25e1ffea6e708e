"""Classes and prompts as people write them, in the real ComfyUI: a class through a link, a script that is not read."""

from typing import Any

import pytest
from playwright.sync_api import Page

from harness.client import Client, PromptFailedError
from harness.page import close_dialogs, export_api, load_api, load_workflow, press_run
from short_examples import PLAIN_STACK, customise

NAME, OBJECTIVE, OPTIMIZE = "1", "3", "5"


def ask(classes: Any) -> dict[str, Any]:
    """One small step toward what stands in the text box of Class Objective."""
    stack = {"width": 64, "height": 64, "batch_size": 1, "start": "gray", "seed": 0}
    details = customise("details", {"margin": 8, **PLAIN_STACK})
    recipe = {"steps": 1, "optimizer": "adam", "optimizer.learning_rate": 0.02, "schedule": "constant"}
    recipe |= {"preview_every": 0, "frame_every": 0, "chunk": 0, "focus": "everywhere", "denoise": "off"}
    return {
        "2": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter", "precision": "auto"}},
        OBJECTIVE: {
            "class_type": "DAS_ClassObjective",
            "inputs": {"classifier": ["2", 0], "classes": classes, "score": "logit", "weight": 1.0},
        },
        "4": {"class_type": "DAS_ImageStack", "inputs": stack | details},
        OPTIMIZE: {
            "class_type": "DAS_Optimize",
            "inputs": {
                "stack": ["4", 0],
                "objectives.objective0": [OBJECTIVE, 0],
                "seed": 0,
                **customise("recipe", recipe),
            },
        },
        "6": {"class_type": "PreviewImage", "inputs": {"images": [OPTIMIZE, 0]}},
    }


def link(word: str) -> dict[str, Any]:
    """The same toward a text of another node, through a switch: its output has any type, so nobody checks the value."""
    text = {"class_type": "PrimitiveString", "inputs": {"value": word}}
    switch = {"class_type": "ComfySwitchNode", "inputs": {"switch": True, "on_true": ["8", 0], "on_false": ["8", 0]}}
    return {"8": text, NAME: switch, **ask([NAME, 0])}


def test_a_class_comes_through_a_link_into_the_text_box_in_the_page_and_runs(comfyui: Client, page: Page) -> None:
    load_api(page, link("Orca"), "linked")
    saved = page.evaluate("JSON.parse(JSON.stringify(app.graph.serialize()))")
    load_workflow(page, saved, "linked again")
    assert export_api(page)[OBJECTIVE]["inputs"]["classes"] == [NAME, 0]
    assert comfyui.get_images(comfyui.wait(press_run(page), timeout=300), "6")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("jelyfish", r"class 'jelyfish' is unknown; the nearest are 107 jellyfish"),
        ("crane", r"class 'crane' could be 2 classes; write the index of one: 134 crane"),
    ],
)
def test_a_mistyped_class_through_a_link_is_refused_in_our_words(comfyui: Client, name: str, says: str) -> None:
    with pytest.raises(PromptFailedError, match=says):
        comfyui.run(link(name))


def test_a_class_that_is_none_is_said_on_the_node_until_it_is_one(comfyui: Client, page: Page) -> None:
    load_api(page, ask("flowers"), "flowers")
    before = page.evaluate(f"app.graph.getNodeById({OBJECTIVE}).size[1]")
    assert comfyui.wait(press_run(page), timeout=300)["status"]["status_str"] == "error"
    said = f"app.graph.getNodeById({OBJECTIVE}).widgets.find(widget => widget.name === '$$node-text-preview')?.value"
    height = f"app.graph.getNodeById({OBJECTIVE}).size[1]"
    page.wait_for_function(f"{said}?.startsWith(\"class 'flowers' is unknown; write 'all flowers' for 3 \")")
    # Five lines have room below the widgets.
    page.wait_for_function(f"{height} >= {before} + 4 * 16")
    page.evaluate(f"app.graph.getNodeById({OBJECTIVE}).widgets.find(w => w.name === 'classes').value = 'all flower'")
    close_dialogs(page)
    # When the next run begins, the node may still have to wait for others.
    page.evaluate("app.api.dispatchCustomEvent('execution_start', { prompt_id: 'next' })")
    assert not page.evaluate(said).strip()
    page.wait_for_function(f"{height} < {before} + 4 * 16")
    assert comfyui.wait(press_run(page), timeout=300)["status"]["status_str"] == "success"
    assert not page.evaluate(f"{said} ?? ''").strip()


@pytest.mark.parametrize("classes", ["all dog", "jellyfish, goldfish: 2", "(jellyfish:1.3)"])
def test_classes_of_a_kind_by_comma_and_in_parentheses_climb(comfyui: Client, classes: str) -> None:
    assert comfyui.get_images(comfyui.run(ask(classes), timeout=300), "6")


def asked(text: str) -> dict[str, Any]:
    """Some texts are compared with a picture under ComfyUI's own CLIP."""
    small = {"text_width": 64, "image_width": 64, "projection": "random"}
    return {
        "1": {"class_type": "HarnessSmallCLIP", "inputs": small},
        "2": {"class_type": "DAS_CLIPFromComfyUI", "inputs": {"clip": ["1", 0], "clip_vision": ["1", 1]}},
        "3": {"class_type": "EmptyImage", "inputs": {"width": 32, "height": 32, "batch_size": 1, "color": 9}},
        "4": {"class_type": "DAS_Similarity", "inputs": {"clip": ["2", 0], "image": ["3", 0], "text": text}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
    }


def shown(page: Page) -> str:
    """The text that the page shows on Similarity."""
    text: str = page.evaluate(
        "app.graph.getNodeById(4).widgets.find(widget => widget.name === '$$node-text-preview')?.value ?? ''"
    )
    return text


def test_a_prompt_in_another_script_runs_with_a_warning_on_the_node(comfyui: Client, page: Page) -> None:
    load_api(page, asked("\u57ce\u5821: 1.3\na castle"), "asked")
    history = comfyui.wait(press_run(page), timeout=300)
    assert "\u57ce\u5821" in history["outputs"]["5"]["text"][0]
    page.wait_for_function(
        "app.graph.getNodeById(4).widgets.some(widget => widget.name === '$$node-text-preview' && widget.value)"
    )
    warning = "ComfyUI's CLIP reads Latin letters and hardly understands '\u57ce\u5821'"
    assert shown(page).startswith(warning)
    assert warning in comfyui.server.read_log()
    page.evaluate("app.graph.getNodeById(4).widgets.find(widget => widget.name === 'text').value = 'a castle'")
    comfyui.wait(press_run(page), timeout=300)
    page.wait_for_function(
        "!app.graph.getNodeById(4).widgets.find(widget => widget.name === '$$node-text-preview')?.value.trim()"
    )


def test_a_prompt_in_latin_letters_runs_without_a_warning(comfyui: Client, page: Page) -> None:
    load_api(page, asked("poster: un ch\u00e2teau\nat 12:30"), "asked")
    history = comfyui.wait(press_run(page), timeout=300)
    text = history["outputs"]["5"]["text"][0]
    assert "poster: un ch\u00e2teau" in text
    assert "at 12:30" in text
    assert shown(page) == ""
