"""A class becomes a picture in the real ComfyUI: through HTTP with every node of it, and as a template in the page."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from harness.client import Client, PromptFailedError, PromptRejectedError
from harness.page import load_template, press_run
from short_examples import (
    AUGMENTATION,
    FRAMES,
    OBJECTIVE,
    OPTIMIZE,
    SAVED,
    STACK,
    VERDICT,
    make_complete,
    read_example,
    set_recipe,
)
from template_page import set_widgets

NODES = [
    "DAS_LoadClassifier",
    "DAS_ImageStack",
    "DAS_Augmentation",
    "DAS_ClassObjective",
    "DAS_Optimize",
    "DAS_StackToImage",
    "DAS_Classify",
]


def workflow(seed: int = 5, **recipe: Any) -> dict[str, Any]:
    """The complete workflow with few steps, and these settings of the recipe."""
    prompt = make_complete()
    prompt[OPTIMIZE]["inputs"]["seed"] = seed
    set_recipe(prompt[OPTIMIZE]["inputs"], **{"steps": 4, "preview_every": 1, "frame_every": 2} | recipe)
    return prompt


@pytest.mark.parametrize("node", NODES)
def test_every_node_is_there_with_its_help_page(comfyui: Client, node: str) -> None:
    assert comfyui.get_object_info(node)["category"].startswith("Direct Ascent")
    folder = comfyui.get_object_info(node)["python_module"].partition(".")[2]
    assert "## " in comfyui.get_text(f"/extensions/{folder}/docs/{node}.md")


def test_it_runs_through_http(comfyui: Client) -> None:
    history = comfyui.run(workflow(), timeout=300)
    (image,) = comfyui.get_images(history, SAVED)
    assert image.size == (448, 448)
    assert np.asarray(image).std() > 2
    assert len(comfyui.get_images(history, FRAMES)) == 2
    assert "EfficientNet-Lite2 sees" in history["outputs"][VERDICT]["text"][0]


def test_the_same_workflow_gives_the_same_bits(comfyui: Client) -> None:
    first, second = (_fresh_image(comfyui) for _ in range(2))
    assert np.array_equal(first, second)


def _fresh_image(comfyui: Client) -> np.ndarray[Any, Any]:
    comfyui.free()
    (image,) = comfyui.get_images(comfyui.run(workflow(), timeout=300), SAVED)
    return np.asarray(image)


def test_it_previews_while_it_runs_cancels_within_a_step_and_runs_again(comfyui: Client) -> None:
    steps_after_cancel = 0
    cancelled = False
    with comfyui.open_events() as events:
        prompt_id = comfyui.queue(workflow(steps=500, seed=11), events)
        for event in events.receive_until_done(prompt_id, timeout=300):
            if event.type == "preview" and not cancelled:
                assert event.image is not None
                assert event.image.size == (448, 448)
                comfyui.interrupt(prompt_id)
                cancelled = True
            elif event.type == "progress" and cancelled:
                steps_after_cancel += 1
    assert cancelled
    # The step that was under way may still report itself.
    assert steps_after_cancel <= 2
    assert comfyui.wait(prompt_id)["status"]["status_str"] == "error"
    assert comfyui.get_images(comfyui.run(workflow(seed=12), timeout=300), SAVED)


@pytest.mark.parametrize(
    ("node", "inputs", "says"),
    [
        (OBJECTIVE, {"classes": "jelyfish"}, "jellyfish"),
        (OBJECTIVE, {"classes": "1000"}, "0 to 999"),
        (OBJECTIVE, {"classes": "jellyfish: 1\njellyfish: -1"}, "weights of all classes are 0"),
        (STACK, {"details.parametrization": "linear", "details.parametrization.step": 600}, "600"),
        (STACK, {"width": 16384, "height": 16384, "batch_size": 64}, "free"),
        (STACK, {"details.margin": 20}, "jitter 56"),
        (AUGMENTATION, {"zoom_min": 0.9, "details.zoom_max": 0.5}, "zoom_min 0.9"),
    ],
)
def test_bad_input_is_named_and_leaves_comfyui_usable(
    comfyui: Client, node: str, inputs: dict[str, Any], says: str
) -> None:
    prompt = workflow(steps=1)
    prompt[node]["inputs"] |= inputs
    with pytest.raises(PromptFailedError, match=says):
        comfyui.run(prompt, timeout=300)
    assert comfyui.get_images(comfyui.run(workflow(steps=1), timeout=300), SAVED)


@pytest.mark.parametrize(
    ("node", "inputs"),
    [
        (OPTIMIZE, {"recipe.steps": 0}),
        (STACK, {"width": 8}),
        (STACK, {"height": 20000}),
        (STACK, {"details.margin": -1}),
    ],
)
def test_numbers_out_of_range_never_reach_the_nodes(comfyui: Client, node: str, inputs: dict[str, Any]) -> None:
    prompt = workflow()
    prompt[node]["inputs"] |= inputs
    with pytest.raises(PromptRejectedError, match=next(iter(inputs))):
        comfyui.run(prompt)


def test_without_an_objective_the_node_says_so(comfyui: Client) -> None:
    prompt = workflow()
    del prompt[OPTIMIZE]["inputs"]["objectives.objective0"]
    with pytest.raises((PromptFailedError, PromptRejectedError), match="objective"):
        comfyui.run(prompt)


def test_the_template_loads_in_the_page_runs_previews_cancels_and_runs_again(comfyui: Client, page: Page) -> None:
    load_template(page, "01 Class to image")
    page.evaluate(
        """() => {
            window.previews = 0;
            app.api.addEventListener("b_preview", () => { window.previews += 1; });
        }"""
    )

    set_widgets(page, {"recipe": "custom", "recipe.steps": 300, "recipe.preview_every": 1})
    prompt_id = press_run(page)
    page.wait_for_function("window.previews > 2", timeout=300_000)
    page.evaluate("app.api.interrupt()")
    assert comfyui.wait(prompt_id, timeout=60)["status"]["status_str"] == "error"

    set_widgets(page, {"recipe.steps": 3})
    history = comfyui.wait(press_run(page), timeout=300)
    (saver,) = (name for name, node in read_example("api/class_to_image").items() if node["class_type"] == "SaveImage")
    (image,) = comfyui.get_images(history, saver)
    assert image.size == (448, 448)
